//! The echo pairs in C, Python and Rust, each server with each client: nine ways.
//!
//! The programs are in `echo-pairs/`, and docs/socket-calls.md shows them. C needs `cc` and Unix,
//! Python needs `python3`; combinations with a language that is missing are left out.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

use course::{exited, first_line, has, listens_at};

#[test]
fn every_server_serves_every_client() {
    let folder = OutputFolder::new("exchange");
    let languages = languages(&folder.0);
    // Each waits for the other most of the time, so all of them talk at once.
    let failures: Vec<String> = thread::scope(|scope| {
        let pairs = languages
            .iter()
            .flat_map(|s| languages.iter().map(move |c| (s, c)));
        let talks: Vec<_> = pairs
            .map(|(server, client)| scope.spawn(move || talk(server, client)))
            .collect();
        let ended = talks
            .into_iter()
            .map(|talk| talk.join().expect("a talk does not panic"));
        ended.filter_map(Result::err).collect()
    });
    assert!(failures.is_empty(), "\n{}\n", failures.join("\n"));
}

/// Exchanges every message; stops at the first that fails, because the others would say the same.
fn talk(server: &Language, client: &Language) -> Result<(), String> {
    for (what, message) in messages() {
        exchange(server, client, &message).map_err(|why| {
            let (server, client) = (server.name, client.name);
            format!("server in {server}, client in {client}, {what}: {why}")
        })?;
    }
    Ok(())
}

#[test]
fn every_program_reports_an_error_on_stderr_and_exits_with_1() {
    let folder = OutputFolder::new("errors");
    let holder = TcpListener::bind("127.0.0.1:0").expect("127.0.0.1 has a free port");
    let taken = holder
        .local_addr()
        .expect("a bound socket has an address")
        .port();
    // The port of the listener again in its lower 16 bits, which are all that glibc's
    // getaddrinfo keeps of a number: a program that does not check would connect.
    let too_large = (65_536 + u32::from(taken)).to_string();
    let taken = taken.to_string();
    let mut failures = Vec::new();
    for language in languages(&folder.0) {
        let Language {
            name,
            server,
            client,
        } = &language;
        // Nobody can listen on port 0, so a connect to it fails everywhere.
        let cases: [(&str, &Program, &[&str], &str); 6] = [
            ("server", server, &["127.0.0.1", &taken], "error: "),
            (
                "server",
                server,
                &["127.0.0.1", "65536"],
                "error: 65536: PORT ",
            ),
            ("server", server, &["127.0.0.1"], "usage: "),
            ("client", client, &["127.0.0.1", "0", "hello"], "error: "),
            (
                "client",
                client,
                &["127.0.0.1", &too_large, "hello"],
                "error: ",
            ),
            ("client", client, &["127.0.0.1", "0"], "usage: "),
        ];
        for (side, program, arguments, expected) in cases {
            let result = start(program, arguments.iter().map(OsStr::new)).map(finish);
            let as_it_should = matches!(&result, Ok(end) if end.code == Some(1)
                && end.stdout.is_empty()
                && end.stderr.starts_with(expected.as_bytes()));
            if !as_it_should {
                failures.push(format!(
                    "{side} in {name} with {arguments:?}: expected exit code 1 and \
                     {expected:?} on stderr, got {result:?}"
                ));
            }
        }
    }
    assert!(failures.is_empty(), "\n{}\n", failures.join("\n"));
}

/// What is sent, each with a name for the failure's message.
fn messages() -> Vec<(&'static str, OsString)> {
    // Windows allows 32,767 characters in a whole command line, Linux 128 KiB in one argument.
    let long = if cfg!(windows) { 30_000 } else { 100_000 };
    let digits: String = "0123456789".chars().cycle().take(long).collect();
    #[allow(unused_mut)]
    let mut messages = vec![
        ("a short text", "hello".into()),
        ("no byte at all", "".into()),
        ("a long text", digits.into()),
        ("Chinese in UTF-8", "粘包不是 TCP 的错".into()),
        (
            "many bytes that look like lines",
            "\r\n\n\r ".repeat(2_000).into(),
        ),
    ];
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStringExt;
        // An argument may hold any byte but 0.
        let bytes = (1..=255).collect();
        messages.push(("every byte but 0", OsString::from_vec(bytes)));
    }
    messages
}

/// One server, one client, one message there and back.
fn exchange(server: &Language, client: &Language, message: &OsStr) -> Result<(), String> {
    let mut server = start(&server.server, ["127.0.0.1", "0"].map(OsStr::new))?;
    let line = first_line(&mut server).map_err(|e| format!("the server: {e}"))?;
    let port = listens_at(&line)
        .filter(|addr| addr.ip().is_loopback() && addr.port() != 0)
        .ok_or_else(|| format!("the server's first line was {line:?}"))?
        .port()
        .to_string();

    let arguments = [OsStr::new("127.0.0.1"), OsStr::new(&port), message];
    let client = finish(start(&client.client, arguments)?);
    let expected = message.as_encoded_bytes();
    if client.code != Some(0) || !client.stderr.is_empty() {
        return Err(format!("the client ended badly: {client:?}"));
    }
    if client.stdout != expected {
        let same = client.stdout.iter().zip(expected);
        let same = same.take_while(|(came, sent)| came == sent).count();
        return Err(format!(
            "sent {} bytes, {} came back, of which the first {same} are right",
            expected.len(),
            client.stdout.len()
        ));
    }

    let server = finish(server);
    if server.code != Some(0) || !server.stderr.is_empty() || !server.stdout.is_empty() {
        return Err(format!("the server ended badly: {server:?}"));
    }
    Ok(())
}

/// A language that is here, with its two programs ready to run.
struct Language {
    name: &'static str,
    server: Program,
    client: Program,
}

/// A command: the program and, for Python, the script.
struct Program(Vec<OsString>);

fn languages(output: &Path) -> Vec<Language> {
    let pairs = Path::new(env!("CARGO_MANIFEST_DIR")).join("echo-pairs");
    let mut languages = Vec::new();

    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    languages.push(Language {
        name: "Rust",
        server: compile(
            &rustc,
            &["--edition", "2024"],
            &pairs,
            "echo_server.rs",
            output,
        ),
        client: compile(
            &rustc,
            &["--edition", "2024"],
            &pairs,
            "echo_client.rs",
            output,
        ),
    });

    // The programs in C are written for Unix.
    if cfg!(unix) && has("cc") {
        let cc = OsString::from("cc");
        let flags = ["-std=c11", "-Wall", "-Wextra"];
        languages.push(Language {
            name: "C",
            server: compile(&cc, &flags, &pairs, "echo_server.c", output),
            client: compile(&cc, &flags, &pairs, "echo_client.c", output),
        });
    }

    if has("python3") {
        let script = |name: &str| Program(vec!["python3".into(), pairs.join(name).into()]);
        languages.push(Language {
            name: "Python",
            server: script("echo_server.py"),
            client: script("echo_client.py"),
        });
    }
    languages
}

/// Compiles one file. A compiler that is here and fails is a failure, not a skip.
fn compile(compiler: &OsStr, flags: &[&str], pairs: &Path, file: &str, output: &Path) -> Program {
    // echo_server.c becomes echo_server-c.
    let mut program = output.join(file.replace('.', "-")).into_os_string();
    program.push(env::consts::EXE_SUFFIX);
    let mut command = vec![compiler.to_owned()];
    command.extend(flags.iter().map(OsString::from));
    command.extend([pairs.join(file).into(), "-o".into(), program.clone()]);
    let end = start(&Program(command), []).map(finish);
    let end = end.unwrap_or_else(|why| panic!("{compiler:?} on {file}: {why}"));
    let said = String::from_utf8_lossy(&end.stderr);
    assert_eq!(end.code, Some(0), "{compiler:?} on {file} failed:\n{said}");
    Program(vec![program])
}

/// A folder for what is compiled, removed at the end.
struct OutputFolder(PathBuf);

impl OutputFolder {
    fn new(name: &str) -> OutputFolder {
        let name = format!("nine-ways-{name}-{}", std::process::id());
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&folder)
            .unwrap_or_else(|e| panic!("cannot make the folder {}: {e}", folder.display()));
        OutputFolder(folder)
    }
}

impl Drop for OutputFolder {
    fn drop(&mut self) {
        // Cargo's target folder is there to be cleaned; a file left over does no harm.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// How a program ended, and what it wrote.
struct End {
    code: Option<i32>,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

impl fmt::Debug for End {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let stdout = String::from_utf8_lossy(&self.stdout);
        let stderr = String::from_utf8_lossy(&self.stderr);
        let code = self.code;
        write!(
            f,
            "exit code {code:?}, stdout {stdout:?}, stderr {stderr:?}"
        )
    }
}

fn start<'a>(
    program: &Program,
    arguments: impl IntoIterator<Item = &'a OsStr>,
) -> Result<Child, String> {
    Command::new(&program.0[0])
        .args(&program.0[1..])
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| format!("cannot start {:?}: {e}", program.0[0]))
}

/// What it still writes, and its exit code, once it has ended by itself.
fn finish(child: Child) -> End {
    let output = exited(child);
    End {
        code: output.status.code(),
        stdout: output.stdout,
        stderr: output.stderr,
    }
}
