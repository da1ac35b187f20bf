//! Which hosts the lab has, and how they are joined.

use super::Host;

/// An end of a cable.
struct End {
    host: Host,
    link: &'static str,
    mac: &'static str,
    ipv4: &'static str,
    ipv6: &'static str,
}

/// The hosts, the cables between them, and where a host sends what is not for its own network.
pub struct Plan {
    hosts: &'static [Host],
    cables: &'static [[End; 2]],
    routes: &'static [(Host, &'static str)],
}

const TWO: Plan = Plan {
    hosts: &[Host::A, Host::B],
    cables: &[[
        End {
            host: Host::A,
            link: "a0",
            mac: "02:00:00:00:00:0a",
            ipv4: "10.9.0.1",
            ipv6: "fd00:9::1",
        },
        End {
            host: Host::B,
            link: "b0",
            mac: "02:00:00:00:00:0b",
            ipv4: "10.9.0.2",
            ipv6: "fd00:9::2",
        },
    ]],
    routes: &[],
};

const THREE: Plan = Plan {
    hosts: &[Host::A, Host::B, Host::R],
    cables: &[
        [
            End {
                host: Host::A,
                link: "a0",
                mac: "02:00:00:00:00:0a",
                ipv4: "10.9.1.1",
                ipv6: "fd00:9:1::1",
            },
            End {
                host: Host::R,
                link: "ra",
                mac: "02:00:00:00:01:0a",
                ipv4: "10.9.1.254",
                ipv6: "fd00:9:1::254",
            },
        ],
        [
            End {
                host: Host::B,
                link: "b0",
                mac: "02:00:00:00:00:0b",
                ipv4: "10.9.2.2",
                ipv6: "fd00:9:2::2",
            },
            End {
                host: Host::R,
                link: "rb",
                mac: "02:00:00:00:01:0b",
                ipv4: "10.9.2.254",
                ipv6: "fd00:9:2::254",
            },
        ],
    ],
    routes: &[
        (Host::A, "10.9.1.254"),
        (Host::A, "fd00:9:1::254"),
        (Host::B, "10.9.2.254"),
        (Host::B, "fd00:9:2::254"),
    ],
};

impl Plan {
    /// The plan for 2 or 3 hosts.
    pub fn new(hosts: u8) -> Plan {
        if hosts < 3 { TWO } else { THREE }
    }

    /// The hosts, in the order in which they are made.
    pub fn hosts(&self) -> &'static [Host] {
        self.hosts
    }

    pub fn has(&self, host: Host) -> bool {
        self.hosts.contains(&host)
    }

    fn ends(&self) -> impl Iterator<Item = &'static End> {
        self.cables.iter().flatten()
    }

    /// What `ip` is told first, on whatever host: each cable, with its ends on their hosts.
    /// `process` tells a process that is on the host.
    pub fn cables(&self, process: impl Fn(Host) -> u32) -> String {
        let end = |end: &End| {
            let (link, mac, process) = (end.link, end.mac, process(end.host));
            format!("name {link} address {mac} netns {process}")
        };
        let cable = |[one, other]: &[End; 2]| {
            format!("link add {} type veth peer {}\n", end(one), end(other))
        };
        self.cables.iter().map(cable).collect()
    }

    /// What `ip` is told on a host next: its links go up. An address that is there before its link
    /// is up answers no neighbour for half a second, and a first packet waits for a second.
    pub fn links(&self, host: Host) -> String {
        let own = self.ends().filter(|end| end.host == host);
        let up = own.map(|end| format!("link set {} up\n", end.link));
        "link set lo up\n".to_owned() + &up.collect::<String>()
    }

    /// What `ip` is told on a host last: its addresses and its routes.
    pub fn addresses(&self, host: Host) -> String {
        let own = self.ends().filter(|end| end.host == host);
        let addresses = own.map(|end| {
            let End {
                link, ipv4, ipv6, ..
            } = end;
            format!("addr add {ipv4}/24 brd + dev {link}\naddr add {ipv6}/64 dev {link} nodad\n")
        });
        let routes = self.routes.iter().filter(|route| route.0 == host);
        let routes = routes.map(|(_, router)| format!("route add default via {router}\n"));
        addresses.chain(routes).collect()
    }

    /// What the kernel is told on a host before it has a link: files in `/proc/sys/net` and their
    /// values.
    pub fn settings(&self, host: Host) -> &'static [(&'static str, &'static str)] {
        const ALL: [(&str, &str); 2] = [
            // Otherwise the kernel leaves out most of the answers when many are due at once, and a
            // traceroute has holes.
            ("ipv4/icmp_ratelimit", "0"),
            // Otherwise a router spends up to two seconds on making sure that nobody else has its
            // addresses, and asks for no neighbour until then.
            ("ipv6/conf/default/accept_dad", "0"),
        ];
        const ROUTER: [(&str, &str); 4] = [
            ALL[0],
            ALL[1],
            ("ipv4/ip_forward", "1"),
            ("ipv6/conf/all/forwarding", "1"),
        ];
        match host {
            Host::A | Host::B => &ALL,
            Host::R => &ROUTER,
        }
    }

    /// What a person is told who comes to a host.
    pub fn introduce(&self, host: Host) -> String {
        let about = |host: Host| {
            let own = self.ends().filter(|end| end.host == host);
            let own = own.map(|end| format!("{} and {} on {}", end.ipv4, end.ipv6, end.link));
            own.collect::<Vec<_>>().join(", ")
        };
        let mut text = format!("you are on host {host}: {}\n", about(host));
        for &other in self.hosts.iter().filter(|other| **other != host) {
            text += &format!(
                "host {other}: {}; another terminal gets there with: cargo course lab {other}\n",
                about(other)
            );
        }
        text + "exit leaves; when nobody is left, the network is gone"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn puts_each_end_of_a_cable_on_its_host() {
        let process = |host| match host {
            Host::A => 1,
            Host::B => 2,
            Host::R => 3,
        };
        assert_eq!(
            Plan::new(2).cables(process),
            "link add name a0 address 02:00:00:00:00:0a netns 1 type veth \
             peer name b0 address 02:00:00:00:00:0b netns 2\n"
        );
        assert_eq!(Plan::new(3).cables(process).lines().count(), 2);
    }

    #[test]
    fn gives_each_host_its_addresses_and_its_router() {
        assert_eq!(
            Plan::new(3).addresses(Host::B),
            "addr add 10.9.2.2/24 brd + dev b0\naddr add fd00:9:2::2/64 dev b0 nodad\n\
             route add default via 10.9.2.254\nroute add default via fd00:9:2::254\n"
        );
    }
}
