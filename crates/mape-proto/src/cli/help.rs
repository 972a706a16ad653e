//! The texts that `--help` prints, with lines of at most 80 columns.

const PROGRAM: &str = "\
mape-proto: IPv4 over a Japanese fibre line with MAP-E (RFC 7597)

Usage: mape-proto COMMAND [OPTIONS]

Commands:
  plan PREFIX    show the provider, IPv4 address and ports of a line
  rules          print the built-in rules with their sources
  detect         identify the technology of the line and how to configure it
  doctor [IFACE] check everything from the uplink to the LAN, with next steps
  import IFACE   convert another MAP-E section of this router to proto mape
  status [IFACE] show interface state, address and port usage
  ports [IFACE]  list ports and connections
  forward        manage port forwards: add, remove, list
  firewall       load the rules of all MAP-E interfaces that are up
";

/// The commands of plain Linux.
const PROGRAM_LINUX: &str = "  up, down       plain Linux: bring the line up, take it down
  watch          plain Linux: bring the line up and follow changes
                 (without netifd, status and doctor examine that line)
  completion     print a script that completes words in bash, fish or zsh
";

const PROGRAM_END: &str = "
  --color WHEN   always, never, or auto (default): on a terminal, unless the
                 environment has NO_COLOR
  --help, -h     print this text; `mape-proto help COMMAND` tells more
  --version, -V  print the version

Try: mape-proto plan 240b:10:3261:6400::/56

Exit status: 0 fine, 1 failed, 2 a wrong argument or value,
3 no plan for this prefix.
";

const PLAN: &str = "\
Usage: mape-proto plan [OPTIONS] PREFIX

Shows the provider of a line, and its IPv4 address, ports and tunnel. PREFIX is
the prefix of the WAN interface: a delegated prefix (240b:10:3261:6400::/56), a
/64, or an address, which stands for its /64. A line of the output of `ip` or
`ipconfig` that contains one is accepted too.

Selection of the rule:
  --provider NAME    auto (default), v6plus, ocn, biglobe, nuro, manual.
                     A name only narrows the built-in table. The prefix decides.
  --rule KEY=VALUE,… your own rule. The option may be repeated. No other rule is
                     used then. Required keys:
                       ipv6=PREFIX  ipv4=PREFIX  ea=BITS  br=ADDRESS
                     Optional keys:
                       offset=BITS  psidlen=BITS  psid=NUMBER  layout=NAME
                     psid is 52 or 0x34, or left-aligned in 16 bits (13312).
                     A rule of OpenWrt's map is accepted too:
                     type=map-e,ipv6prefix=…
  --rules FILE       a file of further rules in the same form, one per line;
                     # begins a comment. They precede the built-in rules, which
                     `mape-proto rules` prints in this form.
  --layout NAME      draft03 or rfc7597, instead of the rule's own layout. It is
                     also the default of your own rules (else draft03), and
                     decides their default offset (draft03: 4, rfc7597: 6).

Line and router:
  --uplink-mtu BYTES MTU of the WAN interface, default 1500
  --reserve PORTS    ports to reserve for servers, such as 5696,9792-9799

Output (default: text):
  --json             JSON on standard output, also for errors
  --nft              NAT and firewall rules for all ports of the set, as input
                     of `nft -f`
  --sh               shell variables MAPE_IPV4, MAPE_PORT_RANGES, MAPE_CE,
                     MAPE_BR, MAPE_MTU and others:
                     v=$(mape-proto plan --sh PREFIX) && eval \"$v\"
";

/// What `plan` can print for plain Linux.
const PLAN_LINUX: &str =
    "                     and functions mape_up and mape_down. The output is also
                     a script: sh FILE mape_up
  --ifupdown         files for /etc/network/interfaces

With --sh, --ifupdown:
  --uplink NAME      the uplink device, default eth0; it may be a bridge
  --dir DIRECTORY    write the files of --ifupdown to DIRECTORY only.
                     Without it the files are printed.
";

const PLAN_END: &str = "
With --nft:
  --device NAME      the tunnel device, default mape-wan. It must exist when the
                     rules are loaded.
  --edge NAME        the hook that translates ports:
                     auto, netdev  on the tunnel device
                     postrouting   for kernels without egress hooks; not with
                                   flow offload
                     plain         no translation: new connections fail earlier
  --full-cone        deliver UDP from any source to a port after an internal
                     host has sent from it (endpoint-independent filtering)

Examples:
  mape-proto plan 240b:10:3261:6400::/56
  mape-proto plan --json 2400:4050:80ba:2200::/64
  mape-proto plan --nft --device mape-wan 240b:10:3261:6400::/56 | nft -f -
  mape-proto plan --rule ipv6=2001:db8::/40,ipv4=192.0.2.0/24,ea=16,offset=6,\\
br=2001:db8:ffff::1,layout=rfc7597 2001:db8:12:3400::/56

If an option is repeated, the last value counts. Only --rule, --rules and
--reserve accumulate. The plan does not apply to a fixed-IPv4 contract: its
numbers are others, although its prefix looks like that of any line.

Exit status: 0 there is a plan, 1 failed, 2 a wrong argument or value, 3 no plan
for this prefix. Errors go to standard error, with a code and the next step.
";

/// What `completion --help` prints.
#[cfg(feature = "linux")]
pub(crate) const COMPLETION: &str = "\
Usage: mape-proto completion bash|fish|zsh

Prints a script that completes commands, options and values in this shell. The
Debian package installs it. By hand, for bash:

  mape-proto completion bash >/etc/bash_completion.d/mape-proto
";

/// The commands that a text of `mape-proto --help` lists, each with its description.
///
/// A line of a command begins with two spaces. Commands that share a line share its description.
pub(crate) fn commands(text: &str) -> Vec<(&str, &str)> {
    let list = text.split("\n\n").find_map(|part| part.strip_prefix("Commands:\n"));
    let lines = list.unwrap_or_default().lines().filter_map(|line| line.strip_prefix("  "));
    let mut commands = Vec::new();
    for line in lines.filter(|line| !line.starts_with(' ')) {
        let (names, description) = line.split_at_checked(WIDTH_OF_NAMES).unwrap_or((line, ""));
        for word in names.split([',', ' ']) {
            if word.starts_with(|letter: char| letter.is_ascii_lowercase()) {
                commands.push((word, description.trim()));
            }
        }
    }
    commands
}

/// Where the descriptions begin in a line of a command, without its two spaces.
const WIDTH_OF_NAMES: usize = 15;

/// The part of the help texts that names the options of a command, and of no other one.
#[cfg(feature = "linux")]
pub(crate) fn of(command: &str) -> String {
    let text = match command {
        "plan" => &plan(),
        "rules" => RULES,
        "detect" => DETECT,
        "doctor" => DOCTOR,
        "import" => IMPORT,
        "status" => STATUS,
        "ports" => PORTS,
        "forward" => FORWARD,
        "firewall" => FIREWALL,
        _ => "",
    };
    let usage = LINUX.lines().take_while(|line| !line.is_empty());
    let is_of_it = |line: &&str| {
        let words = line.split_once("mape-proto ").map_or("", |(_, rest)| rest);
        words.split(' ').next().is_some_and(|word| word.split('|').any(|name| name == command))
    };
    usage.filter(is_of_it).fold(text.to_owned(), |text, line| text + "\n" + line)
}

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

Prints the built-in rules, with source and date for each provider. The text is a
valid rule file for `mape-proto plan --rules FILE`.
";

pub(crate) const DETECT: &str = "\
Usage: mape-proto detect [OPTIONS]

Identifies the technology of the line (MAP-E, DS-Lite, a tunnel with a fixed
address, NTT's network without a contract, behind a home gateway) and the
provider, lists the evidence, and shows the section that configures the line.
Without options nothing is sent: detect reads the uplink's prefixes from netifd
and the stored answer of a provisioning server.

  --ask              ask the provisioning server that the line's resolvers
                     announce (HB46PP): one DNS query and one HTTPS request
  --ca FILE          trust this certificate authority, too, for --ask
  --ask-gateway      ask an NTT home gateway on the uplink whether it provides
                     IPv4 over IPv6
  --prefix PREFIX    use this prefix instead of those of netifd (on plain Linux:
                     of the uplink that `up` would use). May be repeated.
  --tunnel-end ADDR  the provider's tunnel end, from the documents of a
                     fixed-IPv4 contract, with --ipaddr ADDR[/LEN], the IPv4
                     address or block of the contract
  --apply            write the section to /etc/config/network if no interface
                     of that protocol exists; --name NAME names it (wan4)
  --json             print JSON

Exit status: 0 the line was identified, 1 it was not, or failed,
2 a wrong argument.
";

pub(crate) const DOCTOR: &str = "\
Usage: mape-proto doctor [OPTIONS] [IFACE]

Checks uplink and prefix, contract, DUID, MTU, the LAN's IPv6, the interface and
its rules, provisioning, zone, default route, flow offload, conflicting
leftovers, and whether the BR answers. Each finding has evidence and one next
step. Without --target and --ask-gateway nothing is sent.

  --target ADDR:PORT  connect to this address by TCP over IPv4 (ping uses no
                      ports), then ping it with packets of the tunnel's MTU
  --ask-gateway       ask an NTT home gateway on the uplink whether it provides
                      IPv4 over IPv6
  --masked            hide addresses and identifiers of this line. This is the
                      default for text that does not go to a terminal;
                      --unmasked shows them.
  --json              print JSON

Exit status: 0 no problem found, 1 a problem found, or failed,
2 a wrong argument.
";

pub(crate) const STATUS: &str = "\
Usage: mape-proto status [--history] [--json] [IFACE]

Shows one or all MAP-E interfaces of this machine: state (if down, with the
reason and the next step), address, ports, tunnel, traffic, and port usage per
block. It needs root, because only root can list connections.

Values that cannot be determined are shown as \"unknown\" with the reason (JSON:
null), never as 0. The peak is the highest port usage that was measured: each
call of this command measures it, and the router does so when an interface
changes. Ports of connections that have just ended are still in use.

  --history  show the last day instead: ports in use now, on average and at most,
             hour by hour, and when the interface came up, went down or got
             other numbers. It has what such calls, LuCI and the router's events
             measured; it is kept in memory, and ends with a reboot.
  --json     print JSON

Exit status: 0 up, 1 not up, or there is no such interface, 2 a wrong argument.
";

pub(crate) const PORTS: &str = "\
Usage: mape-proto ports [--free | --used | --ranges] [--json] [IFACE]

Lists the external ports of the line's port set, with the number of connections
on each (TCP, UDP and ICMP echo, whose identifiers are ports of the set, too)
and the devices that have them.

  --free    only ports for outgoing connections, and without a connection
  --used    only ports with connections
  --ranges  all ports as ranges of the same use, without connections

A port in use can still serve connections to other destinations. `reserved`
ports are kept for servers. A `published` port is forwarded to a LAN host
(`mape-proto forward`). UPnP can assign `upnp` ports. An `unused` port is never
assigned.

Exit status: 0 fine, 1 there is no such interface, or the usage cannot be
determined, 2 a wrong argument.
";

pub(crate) const FIREWALL: &str = "\
Usage: mape-proto firewall [--forget ADDRESS|--only-forget ADDRESS] [--json]

Loads the NAT and firewall rules of all MAP-E interfaces that are up, in one
transaction. If they are loaded already, nothing is changed. The router's own
files call it after each start of the firewall and whenever an interface comes
up.

  --forget ADDRESS       then delete the connections of an IPv4 address that the
                         line no longer has, but not those of its neighbours
  --only-forget ADDRESS  delete them and load nothing
  --json                 print errors as JSON
";

#[cfg(feature = "linux")]
pub(crate) const LINUX: &str = "\
Usage: mape-proto up [--config FILE] [--dry-run]
       mape-proto down|watch [--config FILE]
       mape-proto status|doctor [--config FILE] [--json]
       mape-proto status --history [--json]

  up        finds uplink and prefix, and adds missing parts: CE address, tunnel,
            default route, NAT rules. It can be repeated: correct parts stay
            unchanged. After a failure it restores the previous state.
            --dry-run only prints the script.
  down      removes only what `up` added
  watch     brings the line up and follows every change until it is killed; for
            OpenRC, s6, systemd. SIGUSR1 makes it execute the program's file
            again, which may be a newer version.
  status    shows the line and its missing parts; exit status 1 if it is not up.
            --history shows the last day: ports in use now, on average and at
            most, hour by hour, and when the line was lost or renumbered, as
            far as `status`, `ports` and `watch` have seen it.
  doctor    checks everything from the uplink to the LAN; exit status 1 if it
            finds a problem

They need root, iproute2 and nft. Nothing is sent, except the update request of
a fixed-IPv4 contract with update_user and update_password, and requests for the
rule with the option provisioning. `up` waits for the answer to these.

FILE is optional and defaults to /etc/mape-rs.conf. It has one option per line,
as NAME VALUE or NAME=VALUE; # begins a comment.
  uplink eth0            the uplink device; it may be a bridge. Default: the
                         device of the IPv6 default route
  prefix PREFIX          the delegated prefix, if no route or address shows it
  provider, layout       as --provider and --layout of plan; v6plus-static,
                         ocn-static, transix-static or xpass-static for a
                         fixed-IPv4 contract, with its numbers:
  ipaddr, peeraddr       its address, or its block such as 198.51.100.80/29; its
                         tunnel end
  nat_address ADDRESS    the address of the block that NAT uses; default: the
                         first
  interface_id ID        the identifier of transix or Xpass, such as ::feed
  update_user, update_password, update_url, update_auth
                         the server that receives the tunnel's address; the URLs
                         of v6plus-static and transix-static are built in
  rule KEY=VALUE,…       as --rule; may be repeated
  rules_file FILE        as --rules
  provisioning NAME      off (default); with hb46pp or url the rule comes from a
                         server, which needs curl
  provisioning_url URL, provisioning_ca FILE, provisioning_user,
  provisioning_password, provisioning_server
                         as on a router
  dns ADDRESS…           the line's resolvers, for hb46pp, if no file of the
                         machine names them
  reserved_ports PORTS   ports to reserve for servers, such as 5696,9792-9799
  interface NAME         name of the line, default wan; its device is mape-NAME
  mtu BYTES              MTU of the tunnel; default: the uplink's MTU minus 40
  ttl NUMBER             hop limit of the outer packets, default 64
  defaultroute 0         no default route
  metric NUMBER          metric of the default route, default 512
  table NUMBER           routing table of the default route; it needs an
                         `ip rule` of yours
  edge NAME              auto, netdev, postrouting or plain, as --edge
  full_cone 1, dscp_reset 1, time_wait SECONDS
                         options of the NAT rules, off by default
  log_level LEVEL        error, warn, info or debug; default info
  input_chain CHAIN      a chain of your firewall, such as inet filter input.
                         `up` can add a rule to it that accepts packets from the
                         BR, and `down` removes that rule.
";

pub(crate) const IMPORT: &str = "\
Usage: mape-proto import [OPTIONS] IFACE

Converts the interface IFACE of /etc/config/network to proto mape. IFACE can be
a section of OpenWrt's map or of another package, or a manual tunnel with the
numbers of a MAP-E line or of a fixed-IPv4 contract of v6 Plus or OCN.
Shows the commands, options with a different meaning, whether the built-in table
makes the numbers unnecessary, and conflicting leftovers.

  --apply            change that section, and only that one. The old options are
                     kept in a section IFACE_before_mape.
  --prefix PREFIX    the line's prefix, if the router does not know it
  --root DIR         read a copy of a router's files instead of this machine
  --json             print JSON

Exit status: 0 no conflict found, 1 a conflict found, or failed,
2 a wrong argument or section, 3 the new section would have no plan for the
line's prefix. Nothing is changed then.
";

pub(super) const FORWARD: &str = "\
Usage: mape-proto forward list [--json]
       mape-proto forward add HOST:PORT[-PORT] [OPTIONS]
       mape-proto forward remove SECTION|NAME|PORT

Publishes a LAN host on an external port of the line's port set. HOST is an
address (192.168.1.10:25565), a name or MAC address known to DHCP (nas:443), or
the last bits of a LAN address ([::10]:443). Forwards are stored as
`mape_forward` sections in /etc/config/firewall; on plain Linux, where HOST is
an IPv4 address, in /etc/mape-rs.forwards. Outgoing connections do not use
the port, and it is kept across restarts. If the line gets another prefix,
another port is assigned and the scripts in /etc/hotplug.d/mape are run.
remove looks for the section of this name, then for the forward with this name,
then for the one with this external port. If several match, none is removed.

  --port PORT|auto   the external port. auto (default) is PORT if it is in the
                     set, otherwise a free port that stays the same. A range
                     (9792-9799) has as many ports as the one of HOST: the
                     first leads to the first, and so on.
  --proto NAME       tcp, udp, or tcp,udp (default)
  --name TEXT        a name for the forward
  --interface IFACE  the MAP-E interface, if there are several
  --dry-run          check the new forward, print its port, and change nothing
  --section SECTION  with --dry-run, check it in the place of this section
  --json             print JSON; add and remove print the new list

Exit status: 0 fine, 1 (list) not all are published, 2 a wrong argument or
value, such as a port outside the set: the nearest free ports are shown, and
nothing is changed.
";
