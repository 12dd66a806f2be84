Nothing on standard output, one line on standard error.

  $ bad() {
  >   timeout 60 xen-claims "$@" >out 2>err; code=$?
  >   cat err
  >   test ! -s out -a $(wc -l <err) = 1 || echo "more than that"
  >   return $code
  > }

The command line: exit code 2, whether there is a Xen or not.

  $ bad
  xen-claims: required COMMAND name is missing, must be one of 'list', 'nodes', 'plan', 'release', 'set', 'show' or 'watch'. Options come after it. (--help explains)
  [2]
  $ bad frob
  xen-claims: unknown command 'frob', must be one of 'list', 'nodes', 'plan', 'release', 'set', 'show' or 'watch'. (--help explains)
  [2]
  $ bad nodes 1
  xen-claims: too many arguments, don't know what to do with '1' (--help explains)
  [2]
  $ bad nodes --jsn
  xen-claims: unknown option '--jsn', did you mean '--json'? (--help explains)
  [2]
  $ bad show
  xen-claims: required argument DOMID is missing (--help explains)
  [2]
  $ bad show web
  xen-claims: DOMID argument: 'web' is no domain id in 0..32751: 'xl list' has ids and names (--help explains)
  [2]
  $ bad show -- -1
  xen-claims: DOMID argument: '-1' is no domain id in 0..32751: 'xl list' has ids and names (--help explains)
  [2]
  $ bad show 32752
  xen-claims: DOMID argument: '32752' is no domain id in 0..32751: 'xl list' has ids and names (--help explains)
  [2]
  $ bad set
  xen-claims: required arguments DOMID, TARGET=SIZE are missing (--help explains)
  [2]
  $ bad set 5
  xen-claims: required argument TARGET=SIZE is missing (--help explains)
  [2]
  $ bad set 5 0=2G 1=1Q
  xen-claims: 1=1Q: '1Q' is no size: give a number and a unit (p for pages, K, M, G or T), as in 512M or 262144p
  [2]
  $ bad set 5 0=
  xen-claims: 0=: '' is no size: give a number and a unit (p for pages, K, M, G or T), as in 512M or 262144p
  [2]
  $ bad set 5 0=G
  xen-claims: 0=G: 'G' is no size: give a number and a unit (p for pages, K, M, G or T), as in 512M or 262144p
  [2]
  $ bad set 5 0=2
  xen-claims: 0=2: '2' is no size: give a number and a unit (p for pages, K, M, G or T), as in 512M or 262144p
  [2]
  $ bad set 5 0=1.5G
  xen-claims: 0=1.5G: '1.5G' is no size: give a number and a unit (p for pages, K, M, G or T), as in 512M or 262144p
  [2]
  $ bad set 5 0=-1G
  xen-claims: 0=-1G: '-1G' is no size: give a number and a unit (p for pages, K, M, G or T), as in 512M or 262144p
  [2]
  $ bad set 5 0=6K
  xen-claims: 0=6K: '6K' is no whole number of pages of 4K
  [2]
  $ bad set 5 0=99999999999999999999G
  xen-claims: 0=99999999999999999999G: '99999999999999999999G' is more than can be counted
  [2]
  $ bad set 5 0=99999999999T
  xen-claims: 0=99999999999T: '99999999999T' is more than can be counted
  [2]
  $ bad set 5 2G
  xen-claims: 2G: '2G' is no claim: give TARGET=SIZE, as in 0=2G or host=512M
  [2]
  $ bad set 5 =2G
  xen-claims: =2G: '' is no target: give a node, 0..63, or host
  [2]
  $ bad set 5 64=2G
  xen-claims: 64=2G: '64' is no target: give a node, 0..63, or host
  [2]
  $ bad set 5 0x1=2G
  xen-claims: 0x1=2G: '0x1' is no target: give a node, 0..63, or host
  [2]
  $ bad set 5 all=2G
  xen-claims: all=2G: 'all' is no target: give a node, 0..63, or host
  [2]
  $ bad set 5 -- -1=2G
  xen-claims: -1=2G: '-1' is no target: give a node, 0..63, or host
  [2]
  $ bad set 5 0=1G host=1G 0=2G
  xen-claims: '0' is there twice: give each target once
  [2]
  $ bad set 5 host=1G host=1G
  xen-claims: 'host' is there twice: give each target once
  [2]
  $ bad set 5 host=9223372036854775807p 0=1p
  xen-claims: the claims together are more than can be counted
  [2]
  $ bad plan
  xen-claims: required argument SIZE is missing (--help explains)
  [2]
  $ bad plan 0
  xen-claims: SIZE argument: '0' is nothing to plan (--help explains)
  [2]
  $ bad plan 99999999999G
  xen-claims: SIZE argument: '99999999999G' is more than any host has, which is 16777216T (--help explains)
  [2]
  $ bad --json nodes
  xen-claims: required COMMAND name is missing, must be one of 'list', 'nodes', 'plan', 'release', 'set', 'show' or 'watch'. Options come after it. (--help explains)
  [2]
  $ bad release 3 --idle 1 --host 4x16
  xen-claims: --idle is for --orphans
  [2]
  $ bad plan 1G --policy best
  xen-claims: option '--policy': 'best' is no policy: use single, pack, interleave, or prefer:NODES as in prefer:0,1, only:NODES, evenly:NODES (--help explains)
  [2]
  $ bad plan 1G --policy prefer:
  xen-claims: option '--policy': 'prefer:' is no policy: use single, pack, interleave, or prefer:NODES as in prefer:0,1, only:NODES, evenly:NODES (--help explains)
  [2]
  $ bad plan 1G --policy prefer:0,x
  xen-claims: option '--policy': 'prefer:0,x' is no policy: use single, pack, interleave, or prefer:NODES as in prefer:0,1, only:NODES, evenly:NODES (--help explains)
  [2]
  $ bad plan 1G --vcpus-node 64
  xen-claims: option '--vcpus-node': '64' is no node in 0..63 (--help explains)
  [2]
  $ bad release
  xen-claims: give a DOMID or --orphans, one of them
  [2]
  $ bad release 5 --orphans
  xen-claims: give a DOMID or --orphans, one of them
  [2]
  $ bad release --orphans --idle soon
  xen-claims: option '--idle': 'soon' is no number of seconds in 0..86400 (--help explains)
  [2]
  $ bad watch --interval=-1
  xen-claims: option '--interval': '-1' is no number of seconds in 0.1..86400 (--help explains)
  [2]
  $ bad set 5 "$(printf '0=1\n2G')"
  xen-claims: 0=1 2G: '1 2G' is no size: give a number and a unit (p for pages, K, M, G or T), as in 512M or 262144p
  [2]

A host that is none, and a state that is none:

  $ bad nodes --host moon
  xen-claims: --host: 'moon' is no host: give 'this', 'uma', '2-socket', 'epyc-nps4', or NODESxGiB such as '4x16'
  [2]
  $ bad nodes --host 0x0
  xen-claims: --host: '0x0': a host has 1..64 nodes
  [2]
  $ bad nodes --state host.json
  xen-claims: --state takes a --host to be the state of
  [2]
  $ state() { cat >state.json; bad list --host 4x16 --state state.json; }
  $ bad list --host 4x16 --state nothing.json
  xen-claims: --state: nothing.json: No such file or directory
  [2]
  $ state </dev/null
  xen-claims: --state: state.json: not JSON: Blank input data
  [2]
  $ echo '[' | state
  xen-claims: --state: state.json: not JSON: Line 2, bytes -1-0: Unexpected end of input
  [2]
  $ echo '[]' | state
  xen-claims: --state: state.json: the file: [] is no object
  [2]
  $ echo '{"domain": []}' | state
  xen-claims: --state: state.json: the file: unknown field 'domain'; there are domains, claim_sets
  [2]
  $ echo '{"domains": {}}' | state
  xen-claims: --state: state.json: the file: domains: {} is no list
  [2]
  $ echo '{"domains": [5]}' | state
  xen-claims: --state: state.json: domain 1: 5 is no object
  [2]
  $ echo '{"domains": [{"memory": "2G"}]}' | state
  xen-claims: --state: state.json: domain 1: memory: "2G" is no object of targets and sizes, as {"0": "2G"}
  [2]
  $ echo '{"domains": [{"memory": {"0": 2}}]}' | state
  xen-claims: --state: state.json: domain 1: memory: 2 is no string with a size, as "2G"
  [2]
  $ echo '{"domains": [{"memory": {"host": "2G"}}]}' | state
  xen-claims: --state: state.json: domain 1: memory: it is on nodes, not on the host
  [2]
  $ echo '{"domains": [{"memory": {"0": "17G"}}]}' | state
  xen-claims: --state: state.json: domain 1: node 0 has no 17G for it
  [2]
  $ echo '{"domains": [{"memory": {"7": "1G"}}]}' | state
  xen-claims: --state: state.json: domain 1: node 7 has no 1G for it
  [2]
  $ echo '{"domains": [{}, {"claims": {"5": "2G"}}]}' | state
  xen-claims: --state: state.json: domain 2: the host has no node 5 online
  [2]
  $ echo '{"domains": [{"claims": {"0": "2Q"}}]}' | state
  xen-claims: --state: state.json: domain 1: claims: '2Q' is no size: give a number and a unit (p for pages, K, M, G or T), as in 512M or 262144p
  [2]
  $ echo '{"domains": [{"started": 1}]}' | state
  xen-claims: --state: state.json: domain 1: started: 1 is not true or false
  [2]
  $ echo '{"domains": [{"max": "4T", "name": "web"}]}' | state
  xen-claims: --state: state.json: domain 1: unknown field 'name'; there are max, memory, claims, started
  [2]
  $ echo '{"domains": [{"max": "1G", "claims": {"0": "2G"}}]}' | state
  xen-claims: --state: state.json: domain 1: it has 0 and may have 1G, 2G more wanted
  [2]
  $ echo '{"domains": [{"max": "1G", "memory": {"0": "2G"}}]}' | state
  xen-claims: --state: state.json: domain 1: memory of 2G is more than its max, 1G
  [2]
  $ echo '{"domains": [{"max": "17179869185T"}]}' | state
  xen-claims: --state: state.json: domain 1: a domain may have less than 16T, memory and claims together
  [2]
  $ echo '{"domains": [{"memory": {"0": "9999999999T", "1": "34359738368T"}}]}' | state
  xen-claims: --state: state.json: domain 1: memory: '34359738368T' is more than can be counted
  [2]
  $ echo '{"domains": [{"memory": {"0": "1G", "0": "2G"}}]}' | state
  xen-claims: --state: state.json: domain 1: memory: '0' is there twice: give each target once
  [2]
  $ echo '{"domains": [{"claims": {"0": "1G", "0": "2G"}}]}' | state
  xen-claims: --state: state.json: domain 1: claims: '0' is there twice: give each target once
  [2]

  $ echo '{"claim_sets": "no"}' | state
  xen-claims: --state: state.json: the file: claim_sets: "no" is not true or false
  [2]

A Xen without claim sets: exit code 3, whatever is asked of it.

  $ echo '{"claim_sets": false}' | state
  xen-claims: this Xen has no claim sets: boot one that has the call XEN_DOMCTL_claim_memory
  [3]
  $ for command in nodes 'show 1' 'set 1 0=1G' 'plan 1G' 'release 1' watch; do
  >   bad $command --host 4x16 --state state.json; echo "$command: $?"
  > done
  xen-claims: this Xen has no claim sets: boot one that has the call XEN_DOMCTL_claim_memory
  nodes: 3
  xen-claims: this Xen has no claim sets: boot one that has the call XEN_DOMCTL_claim_memory
  show 1: 3
  xen-claims: this Xen has no claim sets: boot one that has the call XEN_DOMCTL_claim_memory
  set 1 0=1G: 3
  xen-claims: this Xen has no claim sets: boot one that has the call XEN_DOMCTL_claim_memory
  plan 1G: 3
  xen-claims: this Xen has no claim sets: boot one that has the call XEN_DOMCTL_claim_memory
  release 1: 3
  xen-claims: this Xen has no claim sets: boot one that has the call XEN_DOMCTL_claim_memory
  watch: 3

No Xen at all, or no library to talk to it; where there is one, it can't be shown.

  $ if test -e /dev/xen/privcmd; then echo 'xen-claims: this machine has one' >err; (exit 3); else
  >   xen-claims list >out 2>err; fi
  [3]
  $ sed -E 's/this (machine|build) .*/this ... says why/' err
  xen-claims: this ... says why

What can't be written anywhere, and what nobody can be told:

  $ xen-claims --help=plain >/dev/full
  xen-claims: standard output: No space left on device
  [1]
  $ xen-claims nodes --host 4x16 >/dev/full
  xen-claims: standard output: No space left on device
  [1]
  $ xen-claims plan 99G --host 4x16 2>/dev/full
  [1]
  $ xen-claims show 5 --host 4x16 2>&-
  [1]
