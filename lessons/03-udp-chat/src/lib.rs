//! Lesson 3: no connection, one datagram one message. Read `docs/03-udp-chat.md` beside it.
//!
//! The protocol: one datagram is one UTF-8 text of at most 65,507 bytes, the empty one included.

pub mod contract;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;

use anstream::{AutoStream, ColorChoice};
use anstyle::AnsiColor;
use shared::{Addr, Failure, escape};

/// Where the server listens and the client writes to if `--addr` does not say otherwise.
pub const ADDR: &str = "127.0.0.1:8803";

/// Names, and where each of them is.
pub type Contacts = BTreeMap<String, Addr>;

/// The longest file of contacts, in bytes.
const MAX_FILE: u64 = 1024 * 1024;

/// The contacts of somebody who has no file: four names, all at the same address.
pub fn built_in_contacts(addr: &Addr) -> Contacts {
    let names = ["alice", "bob", "carol", "dave"];
    names
        .into_iter()
        .map(|name| (name.to_owned(), addr.clone()))
        .collect()
}

/// Lets a socket send the longest text. macOS and FreeBSD send no more than 9,216 bytes at once
/// where nobody asks for more (not tried there); on other systems nothing need be done.
///
/// # Errors
/// The system does not take the size.
#[cfg_attr(
    not(any(target_vendor = "apple", target_os = "freebsd")),
    allow(unused_variables)
)]
pub fn allow_long_texts(socket: &UdpSocket) -> io::Result<()> {
    #[cfg(any(target_vendor = "apple", target_os = "freebsd"))]
    socket2::SockRef::from(socket).set_send_buffer_size(shared::MAX_TEXT)?;
    Ok(())
}

/// Reads contacts from a JSON file: `{"alice": "127.0.0.1:8803", …}`.
///
/// # Errors
/// The file cannot be read, or what stands in it has another form.
pub fn read_contacts(file: &Path) -> Result<Contacts, Failure> {
    let path = escape(file.as_os_str().as_encoded_bytes());
    let failed = |why: String| {
        Failure::new(format!("cannot read contacts from '{path}': {why}"))
            .hint("the form is JSON, a name and its HOST:PORT: {\"alice\": \"127.0.0.1:8803\"}")
    };

    let mut json = Vec::new();
    File::open(file)
        .and_then(|file| file.take(MAX_FILE + 1).read_to_end(&mut json))
        .map_err(|e| failed(e.to_string()))?;
    if json.len() as u64 > MAX_FILE {
        return Err(failed(format!("it is longer than {MAX_FILE} bytes")));
    }
    let entries: BTreeMap<String, String> =
        serde_json::from_slice(&json).map_err(|e| failed(escape(e.to_string().as_bytes())))?;

    let mut contacts = Contacts::new();
    for (name, addr) in entries {
        let shown = escape(name.as_bytes());
        if name.is_empty() || name == "q" {
            return Err(failed(format!("nobody can choose the name '{shown}'")));
        }
        let addr = addr.parse().map_err(|why: String| {
            let why = why.lines().next().unwrap_or_default();
            failed(format!("the address of '{shown}': {why}"))
        })?;
        contacts.insert(name, addr);
    }
    if contacts.is_empty() {
        return Err(failed("there is no name in it".to_owned()));
    }
    Ok(contacts)
}

/// The names, for a person to choose from.
pub fn names(contacts: &Contacts) -> String {
    let names: Vec<String> = contacts
        .keys()
        .map(|name| escape(name.as_bytes()))
        .collect();
    names.join(", ")
}

/// The line that shows a text and who sent it. Control characters are escaped, so that nothing in
/// the text can change the terminal.
///
/// It is coloured where stdout is a terminal that shows colours, and nobody has asked for plain
/// text (`NO_COLOR`, `TERM=dumb`).
pub fn line_from(sender: SocketAddr, text: &str) -> String {
    let line = format!("[{sender}] {}", escape(text.as_bytes()));
    match AutoStream::choice(&io::stdout()) {
        ColorChoice::Never => line,
        _ => {
            let style = AnsiColor::Cyan.on_default().bold();
            format!("{style}{line}{style:#}")
        }
    }
}
