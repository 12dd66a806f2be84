A host of 4 nodes with 3 domains, which are in host.json.

  $ xen_claims() { xen-claims "$@" --host 4x16 --state host.json; }
  $ xen_claims nodes
  node  size  free  claimed  claimable
     0   16G   14G        0        14G
     1   16G   12G       2G        10G
     2   16G   16G     100p     16383M
     3   16G    2G       2G          0
  host   64G   44G    4608M     40447M
  $ xen_claims list
  domid  memory    max  state              claims
      1      2G  4608M  paused, never run  1=2G host=512M
      2      4G     8G  running            2=100p
      3     14G    32G  paused, never run  3=2G
  $ xen_claims show 1
  domain 1: paused, never run
  memory: 2G, at most 4608M
  claims: 1=2G host=512M
  $ xen_claims show 2
  domain 2: running
  memory: 4G, at most 8G
  claims: 2=100p
  $ xen_claims plan 12G
  0=12G
  $ xen_claims plan 28G
  0=12290M 2=16382M
  $ xen_claims plan 12G --policy single --vcpus-node 1
  0=12G
  $ xen_claims plan 12G --policy interleave
  0=4G 1=4G 2=4G
  $ xen_claims plan 12G --policy prefer:1 --vcpus-node 1
  0=2G 1=10G
  $ xen_claims plan 20G --policy single --host-claim
  2=4194204p host=1048676p

A host without any:

  $ xen-claims list --host 4x16
  No domain claims memory.
  $ xen-claims list --host 4x16 --json
  { "version": 1, "domains": [] }
  $ xen-claims nodes --host 64x1 | tail -2
    63    1G    1G        0         1G
  host   64G   64G        0        64G

As JSON:

  $ xen_claims nodes --json
  {
    "version": 1,
    "nodes": [
      {
        "node": 0,
        "size": 4194304,
        "free": 3670016,
        "claimed": 0,
        "claimable": 3670016
      },
      {
        "node": 1,
        "size": 4194304,
        "free": 3145728,
        "claimed": 524288,
        "claimable": 2621440
      },
      {
        "node": 2,
        "size": 4194304,
        "free": 4194304,
        "claimed": 100,
        "claimable": 4194204
      },
      {
        "node": 3,
        "size": 4194304,
        "free": 524288,
        "claimed": 524288,
        "claimable": 0
      }
    ],
    "host": { "free": 11534336, "claimed": 1179748, "claimable": 10354588 }
  }
  $ xen_claims list --json
  {
    "version": 1,
    "domains": [
      {
        "domid": 1,
        "memory": 524288,
        "max": 1179648,
        "claimed": 655360,
        "claims": [
          { "target": "1", "pages": 524288 },
          { "target": "host", "pages": 131072 }
        ],
        "paused": true,
        "started": false,
        "dying": false
      },
      {
        "domid": 2,
        "memory": 1048576,
        "max": 2097152,
        "claimed": 100,
        "claims": [ { "target": "2", "pages": 100 } ],
        "paused": false,
        "started": true,
        "dying": false
      },
      {
        "domid": 3,
        "memory": 3670016,
        "max": 8388608,
        "claimed": 524288,
        "claims": [ { "target": "3", "pages": 524288 } ],
        "paused": true,
        "started": false,
        "dying": false
      }
    ]
  }
  $ xen_claims show 3 --json
  {
    "version": 1,
    "domain": {
      "domid": 3,
      "memory": 3670016,
      "max": 8388608,
      "claimed": 524288,
      "claims": [ { "target": "3", "pages": 524288 } ],
      "paused": true,
      "started": false,
      "dying": false
    }
  }
  $ xen_claims plan 12G --json
  {
    "version": 1,
    "pages": 3145728,
    "claims": [ { "target": "0", "pages": 3145728 } ]
  }

Every name in there is in the documentation, with the version:

  $ for listing in nodes list 'show 3' 'plan 12G'; do xen_claims $listing --json; done |
  >   grep -o '"[a-z]*":' | tr -d '":' | sort -u >names
  $ for name in $(cat names); do grep -q "\`$name\`" ../../../docs/json.md || echo "not there: $name"; done
  $ for name in $(cat names); do xen-claims --help=groff | grep -q "\\\\fI$name\\\\fR" || echo "not in the manual: $name"; done
  $ grep -c "version\` is 1" ../../../docs/json.md
  1

What is printed can be read back: claims as 'set' takes them.

  $ xen_claims set 3 $(xen_claims plan 9G)
  domain 3 claims 1=9G
  $ xen_claims list | sed -n 's/.*never run  //p' | while read claims; do xen_claims set 3 $claims; done
  domain 3 claims 1=2G host=512M
  domain 3 claims 3=2G

Output that cannot be written:

  $ xen_claims list >/dev/full
  xen-claims: standard output: No space left on device
  [1]
