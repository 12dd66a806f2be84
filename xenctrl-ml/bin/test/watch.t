Until ^C, on a terminal. There it is written over what was there before, and each node has a bar.

  $ terminal() { timeout 60 script -qec "xen-claims $*" /dev/null; }
  $ (sleep 2; printf '\003') |
  >   terminal watch --interval 0.1 --host 4x16 --state host.json >out; echo "exit code $?"
  exit code 0
  $ test $(grep -c "$(printf '^\033')" out) -gt 2 || cat -v out
  $ tr -d '\r' <out | sed 's/\x1b\[[0-9;]*[A-Za-z]//g; s/^..:..:..$/TIME/' | sed -n '/TIME/,/^$/d; p' | head -9
  node  size  free  claimed  claimable  # in use  + claimed  . claimable
     0   16G   14G        0        14G  ###...........................
     1   16G   12G       2G        10G  #######+++....................
     2   16G   16G     100p     16383M  +.............................
     3   16G    2G       2G          0  ###########################+++
  host   64G   44G    4608M     40447M  #########++...................
  
  domid  memory    max  state              claims
      1      2G  4608M  paused, never run  1=2G host=512M

Without a terminal, readings follow each other.

  $ timeout --preserve-status -s INT 2 xen-claims watch --interval 0.1 --host 4x16 --state host.json >out; echo "exit code $?"
  exit code 0
  $ test $(grep -c '^host' out) -gt 2 || cat out
  $ grep "$(printf '\033')" out
  [1]
  $ timeout --preserve-status -s INT 2 xen-claims watch --json --interval 0.1 --host 1x16 >out; echo "exit code $?"
  exit code 0
  $ head -1 out
  {"version":1,"nodes":[{"node":0,"size":4194304,"free":4194304,"claimed":0,"claimable":4194304}],"host":{"free":4194304,"claimed":0,"claimable":4194304},"domains":[]}
  $ xen-claims watch --host 1x1 >/dev/full
  xen-claims: standard output: No space left on device
  [1]

Colours, on a terminal only:

  $ colours() { "$@" </dev/null | grep -c "$(printf '\033\\[3')"; }
  $ export TERM=xterm
  $ colours terminal nodes --host 4x16 --state host.json
  5
  $ NO_COLOR= colours terminal nodes --host 4x16 --state host.json
  5
  $ NO_COLOR=1 colours terminal nodes --host 4x16 --state host.json
  0
  [1]
  $ TERM=dumb colours terminal nodes --host 4x16 --state host.json
  0
  [1]
  $ colours xen-claims nodes --host 4x16 --state host.json
  0
  [1]
