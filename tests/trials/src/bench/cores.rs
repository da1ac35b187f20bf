//! Measuring on one core.

/// While it lives, this program and what it starts stay on one core: on several, most of a short
/// exchange is the scheduler's work. Linux only; elsewhere it says that it cannot.
pub struct OneCore {
    #[cfg(target_os = "linux")]
    before: Option<rustix::thread::CpuSet>,
}

impl OneCore {
    #[cfg(target_os = "linux")]
    pub fn pin() -> OneCore {
        use rustix::thread::{CpuSet, sched_getaffinity, sched_getcpu, sched_setaffinity};
        let mut one = CpuSet::new();
        one.set(sched_getcpu());
        let before = sched_getaffinity(None);
        match before.and_then(|before| sched_setaffinity(None, &one).map(|()| before)) {
            Ok(before) => OneCore {
                before: Some(before),
            },
            Err(error) => {
                shared::warn!("cannot stay on one core: {error}");
                OneCore { before: None }
            }
        }
    }

    #[cfg(not(target_os = "linux"))]
    pub fn pin() -> OneCore {
        shared::warn!("only on Linux does this benchmark know how to stay on one core");
        OneCore {}
    }
}

#[cfg(target_os = "linux")]
impl Drop for OneCore {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            let _ = rustix::thread::sched_setaffinity(None, before); // it was allowed before
        }
    }
}
