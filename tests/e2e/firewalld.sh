#!/bin/sh
# A firewalld of this network namespace alone, with a D-Bus of its own: nothing of the machine's /run,
# /etc or /var is written. "running" when it is; runs until it is ended.
set -eu
[ -n "${PRIVATE:-}" ] || PRIVATE=1 exec unshare --mount --propagation private "$0"

mount -t tmpfs none /run
mount -t tmpfs none /var/log
cp -a /etc/firewalld /run/etc
mount --bind /run/etc /etc/firewalld
cat >/run/bus.conf <<'END'
<busconfig>
  <type>system</type>
  <listen>unix:path=/run/bus</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow own="*"/>
    <allow send_type="method_call"/>
    <allow send_type="method_return"/>
    <allow send_type="signal"/>
    <allow send_type="error"/>
    <allow receive_type="method_call"/>
    <allow receive_type="method_return"/>
    <allow receive_type="signal"/>
    <allow receive_type="error"/>
  </policy>
</busconfig>
END
export DBUS_SYSTEM_BUS_ADDRESS=unix:path=/run/bus

dbus-daemon --config-file=/run/bus.conf --nofork --nopidfile &
bus=$!
firewalld --nofork --nopid &
firewalld=$!
trap 'kill $firewalld $bus 2>/dev/null' EXIT
trap exit TERM
until firewall-cmd --state; do sleep 0.1; done
wait
