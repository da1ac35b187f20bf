//! `--pcap FILE`: what passed, as a capture that Wireshark and tcpdump open.
//!
//! A tap sees bytes and no packets: the kernels on both sides deal with those. So each piece is put
//! into a packet as a kernel might have sent it, between the addresses of the client and the tap,
//! with the acknowledgements that belong to it.

use std::collections::HashMap;
use std::fs::File;
use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use course::picture::{Event, Way, What};
use etherparse::{IpNumber, Ipv4Header, Ipv6Header, TcpHeader, UdpHeader};
use shared::Failure;

/// More bytes of a stream than these go into a further packet: an IP packet has at most 65,535.
const MOST: usize = 60_000;

/// The client's first sequence number; the server's is twice that. Kernels take one by chance.
const FIRST: u32 = 1_000_000;

/// The addresses between which packets go.
#[derive(Clone, Copy, Debug)]
pub struct Ends {
    pub client: SocketAddr,
    pub server: SocketAddr,
    pub udp: bool,
}

/// A capture that is being written.
pub struct Capture {
    file: File,
    path: String,
    /// The first event's time on the clock.
    start: Option<SystemTime>,
    /// How far each connection's two directions have come, by its number.
    numbers: HashMap<usize, Numbers>,
}

/// The sequence numbers of what comes next.
#[derive(Clone, Copy)]
struct Numbers {
    client: u32,
    server: u32,
}

/// The marks in a TCP header.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    Syn,
    SynAck,
    Ack,
    Data,
    Fin,
    Rst,
}

impl Capture {
    /// Creates the file.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn create(path: &Path) -> Result<Capture, Failure> {
        let path = path.display().to_string();
        let shown = shared::escape(path.as_bytes());
        let failed = |e| Failure::new(format!("cannot write {shown}: {e}"));
        let mut file = File::create(&path).map_err(failed)?;
        file.write_all(&file_header()).map_err(failed)?;
        Ok(Capture {
            file,
            path: shown.clone(),
            start: None,
            numbers: HashMap::new(),
        })
    }

    /// Adds what an event would have looked like on the wire.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn add(&mut self, ends: &Ends, event: &Event) -> Result<(), Failure> {
        let now = SystemTime::now();
        let start = *self.start.get_or_insert(now - event.at);
        let at = start + event.at;
        let packets = if ends.udp {
            datagram(ends, &event.what)
        } else {
            let numbers = self.numbers.entry(event.number).or_insert(Numbers {
                client: FIRST,
                server: 2 * FIRST,
            });
            segments(ends, numbers, &event.what)
        };
        if event.what == What::Closed {
            self.numbers.remove(&event.number);
        }
        for packet in packets {
            let written = self.file.write_all(&record(at, &packet));
            written.map_err(|e| Failure::new(format!("cannot write {}: {e}", self.path)))?;
        }
        Ok(())
    }
}

/// The beginning of a capture in the classic format: times in microseconds, and packets that begin
/// with IP's header (LINKTYPE_RAW).
fn file_header() -> [u8; 24] {
    let mut header = [0; 24];
    header[..4].copy_from_slice(&0xa1b2_c3d4_u32.to_be_bytes());
    header[4..8].copy_from_slice(&[0, 2, 0, 4]); // version 2.4
    header[16..20].copy_from_slice(&262_144_u32.to_be_bytes()); // no packet is longer
    header[20..].copy_from_slice(&101_u32.to_be_bytes());
    header
}

/// A packet with what stands before it in a capture: its time, and its length twice (nothing is cut).
fn record(at: SystemTime, packet: &[u8]) -> Vec<u8> {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let seconds = u32::try_from(since.as_secs()).unwrap_or(u32::MAX);
    let length = u32::try_from(packet.len()).expect("an IP packet has at most 65,535 bytes");
    let mut record = Vec::with_capacity(16 + packet.len());
    for number in [seconds, since.subsec_micros(), length, length] {
        record.extend(number.to_be_bytes());
    }
    record.extend(packet);
    record
}

fn datagram(ends: &Ends, what: &What) -> Vec<Vec<u8>> {
    let What::Piece { way, bytes, .. } = what else {
        return Vec::new(); // datagrams have no beginning and no end
    };
    vec![packet(ends.of(*way), None, bytes)]
}

fn segments(ends: &Ends, numbers: &mut Numbers, what: &What) -> Vec<Vec<u8>> {
    let mut packets = Vec::new();
    let mut send = |way, mark, bytes: &[u8]| packets.push(segment(ends, numbers, way, mark, bytes));
    match what {
        What::Connects(_) => {
            send(Way::ToServer, Mark::Syn, b"");
            send(Way::ToClient, Mark::SynAck, b"");
            send(Way::ToServer, Mark::Ack, b"");
        }
        What::Piece { way, bytes, .. } => {
            for part in bytes.chunks(MOST) {
                send(*way, Mark::Data, part);
                send(opposite(*way), Mark::Ack, b"");
            }
        }
        What::Fin(way, _) => {
            send(*way, Mark::Fin, b"");
            send(opposite(*way), Mark::Ack, b"");
        }
        What::Reset(way, _) => send(*way, Mark::Rst, b""),
        What::Cut(_) => send(Way::ToClient, Mark::Rst, b""),
        What::Appears(_) | What::Closed | What::Other(_) => {}
    }
    packets
}

fn segment(ends: &Ends, numbers: &mut Numbers, way: Way, mark: Mark, bytes: &[u8]) -> Vec<u8> {
    let (from, to) = ends.of(way);
    let (own, other) = match way {
        Way::ToServer => (&mut numbers.client, numbers.server),
        Way::ToClient => (&mut numbers.server, numbers.client),
    };
    let mut header = TcpHeader::new(from.port(), to.port(), *own, u16::MAX);
    header.syn = matches!(mark, Mark::Syn | Mark::SynAck);
    header.ack = mark != Mark::Syn;
    header.psh = mark == Mark::Data;
    header.fin = mark == Mark::Fin;
    header.rst = mark == Mark::Rst;
    if header.ack {
        header.acknowledgment_number = other;
    }
    // SYN and FIN count as one byte.
    let counts = bytes.len() as u32 + u32::from(header.syn || header.fin);
    *own = own.wrapping_add(counts);
    packet((from, to), Some(header), bytes)
}

/// A packet with all its headers: TCP's, if one is given, else UDP's.
fn packet((from, to): (SocketAddr, SocketAddr), tcp: Option<TcpHeader>, bytes: &[u8]) -> Vec<u8> {
    const HOPS: u8 = 64;
    const FITS: &str = "so few bytes, or a datagram that was received, fit into a packet";
    let number = if tcp.is_some() {
        IpNumber::TCP
    } else {
        IpNumber::UDP
    };
    let header = tcp.as_ref().map_or(UdpHeader::LEN, TcpHeader::header_len);
    let length = u16::try_from(header + bytes.len()).expect(FITS);
    let (ports, mut packet) = ((from.port(), to.port()), Vec::new());
    match (from.ip(), to.ip()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            let ip = Ipv4Header::new(length, HOPS, number, from.octets(), to.octets());
            let mut ip = ip.expect(FITS);
            ip.header_checksum = ip.calc_header_checksum();
            packet.extend(ip.to_bytes());
            if let Some(mut tcp) = tcp {
                tcp.checksum = tcp.calc_checksum_ipv4(&ip, bytes).expect(FITS);
                packet.extend(tcp.to_bytes());
            } else {
                let udp = UdpHeader::with_ipv4_checksum(ports.0, ports.1, &ip, bytes);
                packet.extend(udp.expect(FITS).to_bytes());
            }
        }
        (from, to) => {
            let ip = Ipv6Header {
                payload_length: length,
                next_header: number,
                hop_limit: HOPS,
                source: v6(from),
                destination: v6(to),
                ..Ipv6Header::default()
            };
            packet.extend(ip.to_bytes());
            if let Some(mut tcp) = tcp {
                tcp.checksum = tcp.calc_checksum_ipv6(&ip, bytes).expect(FITS);
                packet.extend(tcp.to_bytes());
            } else {
                let udp = UdpHeader::with_ipv6_checksum(ports.0, ports.1, &ip, bytes);
                packet.extend(udp.expect(FITS).to_bytes());
            }
        }
    }
    packet.extend(bytes);
    packet
}

fn v6(addr: IpAddr) -> [u8; 16] {
    match addr {
        IpAddr::V4(addr) => addr.to_ipv6_mapped().octets(),
        IpAddr::V6(addr) => addr.octets(),
    }
}

fn opposite(way: Way) -> Way {
    match way {
        Way::ToServer => Way::ToClient,
        Way::ToClient => Way::ToServer,
    }
}

impl Ends {
    /// Who sends, and who receives.
    fn of(&self, way: Way) -> (SocketAddr, SocketAddr) {
        match way {
            Way::ToServer => (self.client, self.server),
            Way::ToClient => (self.server, self.client),
        }
    }
}
