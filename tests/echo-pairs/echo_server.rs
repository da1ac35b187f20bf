//! Echo server for one client: sends back every byte until the client has finished.
//! Build: rustc echo_server.rs    Run: ./echo_server 127.0.0.1 0

use std::error::Error;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpListener;
use std::process::ExitCode;

fn run(host: &str, port: &str) -> Result<(), Box<dyn Error>> {
    let port: u16 = port
        .parse()
        .map_err(|_| format!("{port}: PORT must be 0 to 65535"))?;

    // 1. Turn HOST and PORT into an address. (bind does it: it resolves names.)
    let address = (host, port);

    // 2. Make a socket, bind it to the address, listen. (bind does all three.)
    let listener = TcpListener::bind(address)?;

    // 3. Port 0 let the system choose: say which port it chose.
    let mut stdout = io::stdout();
    writeln!(stdout, "listening on {}", listener.local_addr()?)?;
    stdout.flush()?;

    // 4. Accept one client. It gets a socket of its own.
    let (mut client, _) = listener.accept()?;

    // 5. Send back every byte. A read of 0 bytes says that the client has finished.
    let mut buffer = [0; 4096];
    loop {
        let got = match client.read(&mut buffer) {
            Ok(0) => break,
            Ok(got) => got,
            Err(e) if e.kind() == ErrorKind::Interrupted => continue,
            Err(e) => return Err(e.into()),
        };
        client.write_all(&buffer[..got])?;
    }

    // 6. Close. Nothing is left unread, so the client sees a clean end.
    drop(client);
    drop(listener);
    Ok(())
}

fn main() -> ExitCode {
    let args: Vec<_> = std::env::args_os().collect();
    let [_, host, port] = args.as_slice() else {
        eprintln!("usage: echo_server HOST PORT");
        return ExitCode::FAILURE;
    };
    match run(&host.to_string_lossy(), &port.to_string_lossy()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("error: {e}");
            ExitCode::FAILURE
        }
    }
}
