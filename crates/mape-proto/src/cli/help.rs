//! What `--help` prints.

const PROGRAM: &str = "\
mape-proto: IPv4 over a Japanese fibre line with MAP-E (RFC 7597)

Usage: mape-proto COMMAND [OPTIONS]

Commands:
  plan PREFIX    which provider, IPv4 address and ports a line has
  rules          the built-in rules, with their sources
  detect         what kind of line this is, and how to configure it
  doctor [IFACE] everything between uplink and LAN: what is wrong, and what to do
  import IFACE   turns another MAP-E section of this router into one of proto mape
  status [IFACE] how the MAP-E interfaces of this machine are
  ports [IFACE]  their ports, one by one, and which are in use
  forward        which of them lead to hosts of the LAN: add, remove, list
";

/// The commands of plain Linux.
const PROGRAM_LINUX: &str = "  up, down       on plain Linux: bring the line up, take it away again
  watch          the same, and follow what changes
                 (and, without netifd, status and doctor of that line)
";

const PROGRAM_END: &str = "
  --help, -h     this text; `mape-proto COMMAND --help` tells more
  --version      the version

Try: mape-proto plan 240b:10:3261:6400::/56

Exit status: 0 fine, 1 failed, 2 a wrong argument or value, 3 no plan for this prefix.
";

const PLAN: &str = "\
Usage: mape-proto plan [OPTIONS] PREFIX

Shows which provider a line belongs to, and its IPv4 address, ports and tunnel.
PREFIX is what the WAN interface got: a delegated prefix (240b:10:3261:6400::/56),
a /64, or an address, which is taken as its /64; also a line of `ip` or `ipconfig`
that holds one.

Which rule:
  --provider NAME      auto (default), v6plus, ocn, biglobe, nuro, manual.
                       A name only narrows the built-in table; the prefix decides.
  --rule KEY=VALUE,…   a rule of your own; may be repeated, and then no other is used.
                       ipv6=PREFIX  ipv4=PREFIX  ea=BITS  br=ADDRESS  must be there;
                       offset=BITS  psidlen=BITS  psid=NUMBER  layout=NAME  may be
                       (psid=52 or 0x34; left-aligned in 16 bits too: 13312).
                       Also one of OpenWrt's map, type=map-e,ipv6prefix=…
  --rules FILE         more rules, one in a line in the same form; # begins a comment.
                       They go before the built-in ones (`mape-proto rules` prints
                       those in this form)
  --layout NAME        draft03 or rfc7597, instead of the rule's own. A rule of yours
                       that does not say takes this one, or else draft03, and its
                       offset where it has none (draft03: 4, rfc7597: 6)

The line and the router:
  --uplink-mtu BYTES   MTU of the WAN interface, default 1500
  --reserve PORTS      ports to keep for servers, like 5696,9792-9799

Output (text where none is given):
  --json               for programs; errors are JSON too, on standard output
  --nft                NAT and firewall rules for all ports of the set, for `nft -f`
  --sh                 shell variables MAPE_IPV4, MAPE_PORT_RANGES, MAPE_CE, MAPE_BR,
                       MAPE_MTU …:  v=$(mape-proto plan --sh PREFIX) && eval \"$v\"
";

/// What `plan` can print for plain Linux.
const PLAN_LINUX: &str =
    "                       and functions mape_up and mape_down; as a file of its own:
                       sh FILE mape_up
  --ifupdown           files for /etc/network/interfaces

With --sh, --ifupdown:
  --uplink NAME        the device that IPv6 comes from, default eth0; may be a bridge
  --dir DIRECTORY      write the files of --ifupdown there and nowhere else; without
                       it they are printed one after the other
";

const PLAN_END: &str = "
With --nft:
  --device NAME        the tunnel device, default mape-wan; it must exist when the
                       rules are loaded
  --edge NAME          where ports are translated: netdev (on the device itself, also
                       auto), postrouting (kernels without egress hooks; not with flow
                       offload), plain (not at all: new connections fail earlier)
  --full-cone          UDP answers from anyone reach a socket that has sent something

Examples:
  mape-proto plan 240b:10:3261:6400::/56
  mape-proto plan --json 2400:4050:80ba:2200::/64
  mape-proto plan --nft --device mape-wan 240b:10:3261:6400::/56 | nft -f -
  mape-proto plan --rule ipv6=2001:db8::/40,ipv4=192.0.2.0/24,ea=16,offset=6,\\
br=2001:db8:ffff::1,layout=rfc7597 2001:db8:12:3400::/56

Of an option given twice the last counts, but --rule, --rules and --reserve add up.
A fixed-IPv4 contract has numbers of its own: its prefix looks like any other, but what
is shown here is not for it.

Exit status: 0 there is a plan, 1 failed, 2 a wrong argument or value, 3 no plan for
this prefix. What went wrong is told on standard error, with a code and the next step.
";

/// What `mape-proto --help` prints.
pub(crate) fn program() -> String {
    [PROGRAM, if cfg!(feature = "linux") { PROGRAM_LINUX } else { "" }, PROGRAM_END].concat()
}

/// What `mape-proto plan --help` prints.
pub(crate) fn plan() -> String {
    [PLAN, if cfg!(feature = "linux") { PLAN_LINUX } else { "" }, PLAN_END].concat()
}

pub(crate) const RULES: &str = "\
Usage: mape-proto rules [--json]

Prints the built-in rules, with source and date for each provider. The text is itself
a rule file for `mape-proto plan --rules FILE`.
";

pub(crate) const DETECT: &str = "\
Usage: mape-proto detect [OPTIONS]

Says what kind of line this is (MAP-E, DS-Lite, a tunnel with its own address, NTT's
network without a contract, behind a home gateway), whose, from what evidence, and the
section that configures it. Without options nothing is sent: netifd is asked for the
uplink's prefixes, and what a provisioning server has answered before is read.

  --ask              asks the provisioning server that the line's resolvers announce
                     (HB46PP): one DNS question and one HTTPS request
  --ca FILE          trusts this authority's certificate for that, too
  --ask-gateway      asks an NTT home gateway in front whether it does IPv4 over IPv6
  --prefix PREFIX    a line's prefix, instead of netifd's (on plain Linux: of those of the
                     uplink that `up` would find); may be repeated
  --tunnel-end ADDR  the provider's tunnel end in the papers of a fixed-IPv4 contract,
                     --ipaddr ADDR[/LEN] its IPv4 address or block of them
  --apply            writes the section into /etc/config/network, if no interface of that
                     protocol is there; --name NAME is its name (wan4)
  --json             for programs

Exit status: 0 the line was recognised, 1 it was not, or failed, 2 a wrong argument.
";

pub(crate) const DOCTOR: &str = "\
Usage: mape-proto doctor [OPTIONS] [IFACE]

Checks uplink and prefix, contract, DUID, MTU, the LAN's IPv6, the interface and its
rules, provisioning, zone, default route, flow offload, leftovers of others, and whether
the BR answers; each with what was found, why, and one next step.
Nothing is sent, unless one of the first two options says so.

  --target ADDR:PORT  connects to it by TCP over IPv4 (ping proves nothing here), and then
                      pings it with packets as large as the tunnel takes
  --ask-gateway       asks an NTT home gateway in front whether it does IPv4 over IPv6
  --masked            hides what tells this line from others. Text is masked where it is
                      not for a terminal, unless with --unmasked
  --json              for programs

Exit status: 0 nothing is wrong, 1 something is, or failed, 2 a wrong argument.
";

pub(crate) const STATUS: &str = "\
Usage: mape-proto status [--json] [IFACE]

Shows the MAP-E interfaces of this machine, or one: whether they are up, and if not,
why and what to do; address, ports and tunnel; what went through; how many ports are
in use, in each block. Run it as root: nobody else may see the connections.

What cannot be known is shown as \"unknown\" (in JSON null), never as 0, with the reason.
A peak is the most ports that were in use whenever somebody looked: this command, and
the router whenever an interface changes. Ports of connections that have just ended
count as in use, because they are.

Exit status: 0 up, 1 not up, or there is no such interface, 2 a wrong argument.
";

pub(crate) const PORTS: &str = "\
Usage: mape-proto ports [--free | --used | --ranges] [--json] [IFACE]

Lists the ports of the line's port set as they are seen from outside, with the number
of connections on each: TCP, UDP, ICMP echo (whose identifiers are ports too).
  --free    only ports for outgoing connections without any
  --used    only ports with connections
  --ranges  all ports as ranges of one use, without connections

A port in use still serves connections to other destinations. Reserved ports are those
kept for servers; a published one leads to a host of the LAN (`mape-proto forward`), upnp
may give those of its own away; an unused one is never given away.

Exit status: 0 fine, 1 there is no such interface, or nobody knows which are in use,
2 a wrong argument.
";

pub(crate) const FIREWALL: &str = "\
Usage: mape-proto firewall [--forget ADDRESS|--only-forget ADDRESS] [--json]

Loads the NAT and firewall rules of all MAP-E interfaces that are up, in one step, and
does nothing where they are loaded already. The router's own files call it: after each
start of the firewall and whenever an interface comes up.

  --forget ADDRESS       then deletes the connections of an IPv4 address that the line no
                         longer has, and no neighbour's
  --only-forget ADDRESS  deletes them and loads nothing
  --json                 what went wrong, for programs
";

#[cfg(feature = "linux")]
pub(crate) const LINUX: &str = "\
Usage: mape-proto up [--config FILE] [--dry-run]
       mape-proto down|watch [--config FILE]
       mape-proto status|doctor [--config FILE] [--json]

  up        finds uplink and prefix, and makes what is missing: CE address, tunnel,
            default route, NAT rules. Again any time: what is right stays as it is.
            After a failure the machine is as before. --dry-run only prints the script
  down      takes away what up has added, and nothing else
  watch     brings the line up and follows every change, until it is killed; for
            OpenRC, s6, systemd. After SIGUSR1 it goes on with the program's newest file
  status    what the line is, and what is missing; exit status 1 if it is not up
  doctor    checks everything between uplink and LAN; exit status 1 if it finds something

They need root, iproute2 and nft. Nothing is sent anywhere, but for the update request
of a fixed-IPv4 contract with update_user and update_password.

FILE, by default /etc/mape-rs.conf, which need not exist: one option in a line, as
NAME VALUE or NAME=VALUE; # begins a comment.
  uplink eth0            the device that IPv6 comes from, perhaps a bridge; default: that
                         of the IPv6 default route
  prefix PREFIX          a delegated prefix, where routes and addresses do not show it
  provider, layout       as plan's --provider and --layout; for a fixed-IPv4 contract
                         v6plus-static or ocn-static, with what its papers say:
  ipaddr, peeraddr       its address, or its block like 198.51.100.80/29; its tunnel end
  update_user, update_password, update_url
                         where the provider is told the tunnel's address (plain HTTP);
                         v6plus-static knows the URL
  rule KEY=VALUE,…       as --rule; may be repeated. rules_file FILE: as --rules
  reserved_ports PORTS   ports to keep for servers, like 5696,9792-9799
  interface NAME         name of the line, default wan; its device is mape-NAME
  mtu BYTES              inside the tunnel; default: the uplink's less 40
  ttl NUMBER             hop limit of the outer packets, default 64
  defaultroute 0         no default route;  metric NUMBER: its metric, default 512;
  table NUMBER           its table, for which you write an `ip rule`
  edge NAME              auto, netdev, postrouting or plain, as --edge
  full_cone 1, dscp_reset 1, time_wait SECONDS
                         options of the NAT rules, off by default
  input_chain CHAIN      a chain of your own firewall, like inet filter input, to which
                         up may add a rule for what the BR sends, and down removes it
";

pub(crate) const IMPORT: &str = "\
Usage: mape-proto import [OPTIONS] IFACE

Turns the interface IFACE of /etc/config/network into one of proto mape: a section of
OpenWrt's map, of another package, or a tunnel made by hand with the numbers of a MAP-E
line or of a v6 Plus or OCN contract with an IPv4 address of its own.
Shows the commands, what the options mean differently, whether the built-in table makes
the numbers unnecessary, and what others left that would stand in the way.

  --apply            makes the changes to that section (and to nothing else). The old
                     options are kept in a section IFACE_before_mape
  --prefix PREFIX    the line's prefix, where the router does not know it
  --root DIR         a copy of a router's files instead of this machine
  --json             for programs

Exit status: 0 nothing stands in the way, 1 something does, or failed, 2 a wrong argument
or section, 3 the new section would have no plan for the line's prefix; then nothing is
changed.
";

pub(super) const FORWARD: &str = "\
Usage: mape-proto forward list [--json]
       mape-proto forward add HOST:PORT [OPTIONS]
       mape-proto forward remove SECTION|NAME|PORT

Makes a host of the LAN reachable from outside, on a port of the line's own set. HOST is
an address (192.168.1.10:25565), a name or MAC address that DHCP knows (nas:443), or the
last bits of an address of the LAN ([::10]:443). Forwards are stored as `mape_forward`
sections in /etc/config/firewall. Outgoing connections do not get the port, and it stays
the same over restarts; if the line gets another prefix, another one is chosen, and the
scripts in /etc/hotplug.d/mape hear of it.
What is removed is the section of this name, else the forward that is called so, else the
one with this port outside; where several are, nothing is removed.

  --port PORT|auto   the port outside. auto (default) is PORT if it is in the set, else a
                     free one that stays. For a range, add one forward for each port
  --proto NAME       tcp, udp, or tcp,udp (default)
  --name TEXT        what you call it
  --interface IFACE  the MAP-E interface, where there are several
  --json             for programs; add and remove print the new list then

Exit status: 0 fine, 1 (list) not all are published, 2 a wrong argument or value, such as
a port that is not in the set: then the nearest free ones are named, and nothing is
changed.
";
