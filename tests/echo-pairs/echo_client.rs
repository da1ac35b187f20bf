//! Echo client: sends one message, says that it is done, prints what comes back.
//! Build: rustc echo_client.rs    Run: ./echo_client 127.0.0.1 PORT MESSAGE

use std::error::Error;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::ExitCode;

fn run(host: &str, port: &str, message: &[u8]) -> Result<(), Box<dyn Error>> {
    let port: u16 = port
        .parse()
        .map_err(|_| format!("{port}: PORT must be 0 to 65535"))?;

    // 1. Turn HOST and PORT into addresses, connect to the first that answers.
    let mut server = TcpStream::connect((host, port))?;

    // 2. Send the whole message.
    server.write_all(message)?;

    // 3. Half-close: nothing more will come from here, but go on reading.
    server.shutdown(Shutdown::Write)?;

    // 4. Print every byte. A read of 0 bytes says that the server has finished.
    let mut stdout = io::stdout();
    let mut buffer = [0; 4096];
    loop {
        let got = match server.read(&mut buffer) {
            Ok(0) => break,
            Ok(got) => got,
            Err(e) if e.kind() == ErrorKind::Interrupted => continue,
            Err(e) => return Err(e.into()),
        };
        stdout.write_all(&buffer[..got])?;
    }
    stdout.flush()?;

    // 5. Close.
    drop(server);
    Ok(())
}

fn main() -> ExitCode {
    let args: Vec<_> = std::env::args_os().collect();
    let [_, host, port, message] = args.as_slice() else {
        eprintln!("usage: echo_client HOST PORT MESSAGE");
        return ExitCode::FAILURE;
    };
    let message = message.as_encoded_bytes(); // the argument's bytes, whatever they are
    match run(&host.to_string_lossy(), &port.to_string_lossy(), message) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("error: {e}");
            ExitCode::FAILURE
        }
    }
}
