//! `http://host[:port]/path`, as far as a client needs it.

use std::str::FromStr;

use shared::{Addr, escape};

/// Where a page is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    /// Where to connect.
    pub addr: Addr,
    /// What the header `Host` says: the host, and the port if it is not 80.
    pub host: String,
    /// What is asked for: it begins with `/`.
    pub target: String,
}

impl FromStr for Url {
    type Err = String;

    /// Checks the form. Whether the host exists is found out when it is looked up.
    ///
    /// # Errors
    /// A sentence that says what is wrong with the form and which form is expected.
    fn from_str(text: &str) -> Result<Url, String> {
        let wrong = |what: &str| {
            Err(format!(
                "{what}\nhint: write http://HOST[:PORT]/PATH, such as {EXAMPLE}"
            ))
        };
        let scheme = |scheme: &str| {
            let start = text.get(..scheme.len())?;
            start
                .eq_ignore_ascii_case(scheme)
                .then(|| &text[scheme.len()..])
        };
        if scheme("https://").is_some() {
            return Err(
                "https needs TLS, which agrees on keys and checks the server's certificate; this \
                 client speaks plain HTTP\nhint: a TLS library does that, such as rustls; \
                 so does curl"
                    .to_owned(),
            );
        }
        let Some(rest) = scheme("http://") else {
            return wrong("it does not begin with http://");
        };
        let rest = rest.split('#').next().unwrap_or_default(); // not for the server
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        if authority.contains('@') {
            return wrong("a name and password before the host are not understood");
        }
        let visible = |text: &str| text.bytes().all(|b| b.is_ascii_graphic());
        if !visible(authority) || !visible(path) {
            return wrong(&format!(
                "only visible ASCII may stand in it, the rest percent-encoded (a space is %20): '{}'",
                escape(text.as_bytes())
            ));
        }
        let bracketed_end = authority.rfind(']').map_or(0, |at| at + 1);
        let has_port = authority[bracketed_end..].contains(':');
        let with_port = match has_port {
            true => authority.to_owned(),
            false => format!("{authority}:80"),
        };
        let addr = match with_port.parse::<Addr>() {
            Ok(addr) => addr,
            Err(why) => return wrong(why.split('\n').next().unwrap_or_default()),
        };
        let slash = if path.starts_with('/') { "" } else { "/" };
        Ok(Url {
            addr,
            host: with_port
                .strip_suffix(":80")
                .unwrap_or(&with_port)
                .to_owned(),
            target: format!("{slash}{path}"),
        })
    }
}

const EXAMPLE: &str = "http://127.0.0.1:8810/";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_urls_apart() {
        for (url, addr, host, target) in [
            (
                "http://127.0.0.1:8810/",
                "127.0.0.1:8810",
                "127.0.0.1:8810",
                "/",
            ),
            ("http://example.org", "example.org:80", "example.org", "/"),
            (
                "HTTP://example.org:80/a?b#c",
                "example.org:80",
                "example.org",
                "/a?b",
            ),
            ("http://[::1]/a/../b", "[::1]:80", "[::1]", "/a/../b"),
            ("http://[::1]:81?x", "[::1]:81", "[::1]:81", "/?x"),
        ] {
            let parsed: Url = url.parse().expect("it is a URL");
            assert_eq!(parsed.addr.to_string(), addr, "{url}");
            assert_eq!(parsed.host, host, "{url}");
            assert_eq!(parsed.target, target, "{url}");
        }
    }

    #[test]
    fn says_what_is_wrong_with_others() {
        for (url, what) in [
            ("", "it does not begin with http://"),
            ("127.0.0.1:8810", "it does not begin with http://"),
            ("ftp://x/", "it does not begin with http://"),
            ("https://x/", "https needs TLS"),
            ("http://", "there is no host"),
            ("http:///x", "there is no host"),
            ("http://x:/", "the port ''"),
            ("http://x:99999/", "the port '99999'"),
            ("http://::1/", "an IPv6 address stands in brackets"),
            ("http://me:secret@x/", "a name and password"),
            ("http://x/a b", "only visible ASCII"),
            ("http://x/é", "only visible ASCII"),
            ("http://x/\r\nHost: y", "only visible ASCII"),
        ] {
            let error = url.parse::<Url>().expect_err("it is none");
            assert!(error.contains(what), "{url}: {error}");
        }
    }
}
