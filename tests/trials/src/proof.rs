//! What an ordinary client of lesson 7 says: measured by `bench`, and followed by garbage in `fire`.

use std::io::{self, Read};
use std::net::TcpStream;

use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;

/// The course's own key.
const KEY: &str = "这是一个秘钥";

/// Reads the nonce; returns the answer to it.
pub fn answer(mac: &Hmac<Md5>, mut stream: &TcpStream) -> io::Result<[u8; 32]> {
    let mut nonce = [0; 32];
    stream.read_exact(&mut nonce)?;
    let tag = mac.clone().chain_update(nonce).finalize().into_bytes();
    let mut answer = [0; 32];
    hex::encode_to_slice(tag, &mut answer).expect("two characters for each byte");
    Ok(answer)
}

/// The HMAC that has seen the key and no message yet.
pub fn mac() -> Hmac<Md5> {
    Hmac::new_from_slice(KEY.as_bytes()).expect("HMAC takes a key of any length")
}
