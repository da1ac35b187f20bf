use std::env;
use std::time::Instant;

use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};
use shared::{escape, say};

/// How far a transfer is: a bar on a terminal, nothing elsewhere, and a line at the end.
pub struct Progress {
    bar: ProgressBar,
    start: Instant,
}

impl Progress {
    /// Begins a transfer of so many bytes.
    pub fn new(size: u64) -> Progress {
        // indicatif hides the bar by itself where stderr is not a terminal.
        let dumb = env::var_os("TERM").is_some_and(|term| term == "dumb");
        let target = if dumb {
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr()
        };
        let template = "{wide_bar} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left";
        let style = ProgressStyle::with_template(template).expect("the template is tested");
        let bar = ProgressBar::with_draw_target(Some(size), target).with_style(style);
        let start = Instant::now();
        Progress { bar, start }
    }

    /// So many bytes more have passed.
    pub fn add(&self, bytes: usize) {
        self.bar.inc(bytes as u64);
    }

    /// Takes the bar away and says what was done with the file of that name.
    pub fn finish(self, done: &str, name: &str) {
        self.bar.finish_and_clear();
        let (time, size) = (self.start.elapsed(), self.bar.position());
        // A transfer that the clock could not measure has no speed.
        let speed = (size as f64 / time.as_secs_f64().max(1e-9)) as u64;
        let (name, speed) = (escape(name.as_bytes()), HumanBytes(speed));
        let plural = if size == 1 { "" } else { "s" };
        say!("{done} {name}: {size} byte{plural} in {time:.1?}, {speed}/s");
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear(); // also when the transfer fails
    }
}
