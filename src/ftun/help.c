#include "help.h"

const char ftun_help_overview[] =
    "ftun carries UDP through networks that only let TCP pass.\n"
    "\n"
    "On the host that the network lets you reach by TCP, where your UDP service runs:\n"
    "    ftun server --local 4567 --remote 127.0.0.1:51820\n"
    "On your host, whose UDP is dropped; then point your application at 127.0.0.1:1234:\n"
    "    ftun client --local 127.0.0.1:1234 --remote server.example.net:4567\n"
    "\n"
    "Commands:\n"
    "    client     take UDP from applications here, carry it to a server as TCP\n"
    "    server     take TCP from clients, carry it to a UDP service as UDP\n"
    "    rules      print the firewall rules that client and server set up by themselves\n"
    "    help       this text\n"
    "    --version  the version\n"
    "\n"
    "`ftun COMMAND --help` explains each. Exit codes: 0 done, 1 failed, 2 wrong usage.\n";

#define HELP_COMMON                                                                                \
    "\n"                                                                                           \
    "Set-up, rarely needed:\n"                                                                     \
    "  --attach auto|divert|nat  how the tunnel's TCP comes and goes: divert takes it from the\n"  \
    "                          network interfaces before the host's firewall sees it; nat sends\n" \
    "                          it through, by rules of ftun's own (default auto: divert where\n"   \
    "                          the kernel can, else nat; the log says which and why)\n"            \
    "  --dev LINK[,LINK...]    network interfaces that it may come by (default: all)\n"            \
    "  --mark N                of its packets, for policy routing (ip rule ... fwmark N)\n"        \
    "  --divert-hook auto|tcx|clsact  how divert hooks in (default auto: tcx, Linux 6.6)\n"        \
    "  --setup auto|none       auto (default): TUN addresses, NAT rules and forwarding are set "   \
    "up\n"                                                                                         \
    "                          and removed by ftun; none: ftun touches nothing but the TUN "       \
    "device\n"                                                                                     \
    "                          itself (see: ftun rules)\n"                                         \
    "  --tun NAME              name of the TUN device (default: the next free ftunN)\n"            \
    "  --tun-local IP          IPv4 address of the host's end of the TUN (default: a free one)\n"  \
    "  --tun-peer IP           IPv4 address of ftun's end\n"                                       \
    "  --tun-local6, --tun-peer6   the same for IPv6\n"                                            \
    "  --handshake-packet FILE send the bytes of FILE first in each connection, as one segment\n"  \
    "  --idle-timeout SECONDS  close a flow when no datagram came or went for so long (default "   \
    "180)\n"                                                                                       \
    "  --max-flows N           flows at the same time (default 16384)\n"                           \
    "  --workers N|auto        threads, each with flows of its own (default auto: one for each\n"  \
    "                          processor, at most 64)\n"                                           \
    "  --offload auto|off      use the kernel's segmentation and checksum offloads (default "      \
    "auto)\n"                                                                                      \
    "  --busy-poll MICROSECONDS  after the last event look for more for so long before "           \
    "sleeping:\n"                                                                                  \
    "                          answers come faster, for processor time (default 0: sleep)\n"       \
    "  --log LEVEL             error, warning, info (default) or debug (every packet)\n"           \
    "\n"                                                                                           \
    "Signals: SIGTERM and SIGINT close every flow, undo the set-up and end ftun (exit code 0);\n"  \
    "SIGUSR1 logs all counters. Exit codes: 0 ended as told, 1 failed, 2 wrong usage.\n"

const char ftun_help_client[] =
    "Usage: ftun client --local ADDRESS:PORT --remote HOST:PORT [OPTION...]\n"
    "\n"
    "Takes UDP datagrams that applications send to --local and carries each UDP flow to the ftun\n"
    "(or Phantun) server at --remote as a TCP connection of its own. Needs root, or "
    "CAP_NET_ADMIN.\n"
    "\n"
    "  -l, --local ADDRESS:PORT  where applications send their UDP: 127.0.0.1:1234, [::1]:1234,\n"
    "                            or an address of this host for others in its network\n"
    "  -r, --remote HOST:PORT    the server: a name or address, and its TCP port\n"
    "                            (resolved again whenever a connection has to be made anew)\n"
    "  -4, --ipv4-only           use only the IPv4 addresses of HOST\n"
    "  -6, --ipv6-only           use only the IPv6 addresses of HOST\n"
    "  --prefer ipv4|ipv6        which addresses of HOST to try first (default: as the host's\n"
    "                            resolver sorts them); they are tried in turn\n"
    "  --profile auto|linux|phantun\n"
    "                            what connections look like (default auto: linux, and phantun if\n"
    "                            the server refuses that); --peer auto|ftun|phantun is the same\n"
    "  --timestamps              linux connections have TCP timestamps, like a kernel's by\n"
    "                            default: 12 bytes less for each datagram\n"
    "  --dead-after SECONDS      connect anew when what was sent has had no answer for so long\n"
    "                            (default 15)\n"
    "  --ports FIRST-LAST        TCP ports of its own (default: a free block of 32768 to 60999)\n"
    "  --keepalive SECONDS|off   probe the server when nothing was heard for so long (default "
    "30)\n" HELP_COMMON "\n"
    "Examples:\n"
    "    ftun client --local 127.0.0.1:1234 --remote vpn.example.net:4567\n"
    "    ftun client --local [::1]:1234 --remote [2001:db8::7]:443 --log debug\n"
    "    ftun client --local 127.0.0.1:1234 --remote 192.0.2.7:443 --attach divert --dev eth0\n";

const char ftun_help_server[] =
    "Usage: ftun server --local PORT --remote HOST:PORT [OPTION...]\n"
    "\n"
    "Accepts the TCP connections of ftun (or Phantun) clients on --local and carries each to the\n"
    "UDP service at --remote, from a UDP port of its own. Needs root, or CAP_NET_ADMIN.\n"
    "\n"
    "  -l, --local PORT          the TCP port that clients connect to, on all addresses\n"
    "  -r, --remote HOST:PORT    the UDP service, like 127.0.0.1:51820 for WireGuard here\n"
    "  -4, --ipv4-only           accept clients over IPv4 only\n"
    "  -6, --ipv6-only           accept clients over IPv6 only\n"
    "  --max-flows-per-source N  flows of one IPv4 address or IPv6 /64, at each worker (default: "
    "no\n"
    "                            limit, as many clients may share an address)\n"
    "  --allow-from CIDR[,CIDR...]  networks that clients may come from (default: all); others\n"
    "                            are dropped unseen\n"
    "  --upstream-sockets auto|each|shared\n"
    "                            how the service tells flows apart: each by a port (a UDP "
    "socket),\n"
    "                            or by an address of 127.128.0.0/10, from one socket, where the\n"
    "                            service is on 127.0.0.0/8 (default auto: each while the limit of\n"
    "                            open files allows, from then on shared)\n" HELP_COMMON "\n"
    "Examples:\n"
    "    ftun server --local 4567 --remote 127.0.0.1:51820\n"
    "    ftun server --local 443 --remote [::1]:5000 --max-flows 1000\n"
    "    ftun server --local 443 --remote [::1]:5000 --allow-from 192.0.2.0/24,2001:db8::/32\n";

const char ftun_help_rules[] =
    "Usage: ftun rules client|server OPTION...\n"
    "\n"
    "Prints the commands that connect a TUN by hand, for --setup=none: addresses, forwarding, and\n"
    "NAT rules for nft and for iptables. Takes the options of `ftun client` or `ftun server`, and\n"
    "changes nothing; needs no privileges. With --attach divert it says what ftun does by itself.\n"
    "\n"
    "Examples:\n"
    "    ftun rules server --local 4567 --remote 127.0.0.1:51820\n"
    "    ftun rules client --tun ftun7 --local 127.0.0.1:1234 --remote 192.0.2.7:4567\n";
