//! Runs your functions of lesson 6 as programs: `cargo course play 6.1`

#[path = "../src/exercise.rs"]
#[allow(dead_code)] // 6.2 is not played
mod exercise;
#[path = "../solution.rs"]
#[allow(dead_code)] // only what is played
mod solution;

use std::path::PathBuf;
use std::process::ExitCode;

use course::play::{self, Play};
use file_transfer::{Header, MAX_HEADER};
use shared::frame::{self, ByteOrder};
use shared::{Failure, escape, say};

fn main() -> ExitCode {
    play::main(run)
}

fn run(play: &Play) -> Result<(), Failure> {
    match play.exercise.as_str() {
        "6.1" => {
            let (read_frame, write_frame) = match play.solution {
                true => (solution::read_frame as Read, solution::write_frame as Write),
                false => (exercise::read_frame as Read, exercise::write_frame as Write),
            };
            let listener = play.listen(
                "A frame is four bytes with its length, and so many bytes; each comes back:\n  \
                 printf '\\0\\0\\0\\5hello' | nc -w 1 HOST PORT",
            )?;
            play::serve(&listener, |stream| {
                loop {
                    match read_frame(&stream, 1000) {
                        Ok(Some(body)) => {
                            say!("a frame: '{}'", escape(&body));
                            if let Err(error) = write_frame(&stream, &body) {
                                return say!("write_frame returned {error:?}\n");
                            }
                        }
                        other => return say!("read_frame returned {other:?}\n"),
                    }
                }
            })
        }
        "6.3" => {
            let receive = if play.solution {
                solution::receive
            } else {
                exercise::receive
            };
            let folder = PathBuf::from(play.word(0, "target/received"));
            std::fs::create_dir_all(&folder).map_err(|e| {
                Failure::new(format!("cannot make the folder {}: {e}", folder.display()))
            })?;
            let listener = play.listen(&format!(
                "What a client sends is then a file in {}:\n  \
                 cargo run -q --bin file-client -- send README.md --addr ADDR",
                folder.display()
            ))?;
            play::serve(&listener, |stream| match header(&stream) {
                Ok(header) => {
                    let name = escape(header.filename.as_bytes()).to_string();
                    say!("'{name}' with {} bytes", header.filesize);
                    let size = header.filesize;
                    play::returned(receive(stream, size, &folder, &header.filename));
                }
                Err(error) => say!("no header: {error}\n"),
            })
        }
        _ => play.none("6.2 only creates a file; play 6.1 or 6.3"),
    }
}

type Read = fn(&std::net::TcpStream, u32) -> Result<Option<Vec<u8>>, frame::FrameError>;
type Write = fn(&std::net::TcpStream, &[u8]) -> std::io::Result<()>;

/// The header that comes first, with a name that may be a file's. The lesson's own function checks
/// it: in 6.3 it is known to be good.
fn header(stream: &std::net::TcpStream) -> Result<Header, Failure> {
    let failed = |e: &dyn std::fmt::Display| Failure::new(e.to_string());
    let body =
        frame::read_frame(&mut &*stream, ByteOrder::Big, MAX_HEADER).map_err(|e| failed(&e))?;
    let body = body.ok_or_else(|| failed(&"the client has sent nothing"))?;
    let header: Header = serde_json::from_slice(&body).map_err(|e| failed(&e))?;
    file_transfer::check_name(&header.filename).map_err(|e| failed(&e))?;
    Ok(header)
}
