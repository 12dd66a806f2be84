  $ xen_claims() { xen-claims "$@" --host 4x16 --state host.json; }

A set takes the place of the one before, whose memory counts as claimable.

  $ xen_claims set 1 0=1G 1=1G host=512M
  domain 1 claims 0=1G 1=1G host=512M
  $ xen_claims set 3 3=2G 0=256p 1=1024K
  domain 3 claims 0=1M 1=1M 3=2G
  $ xen_claims set 3 0=0
  domain 3 claims nothing
  $ xen_claims set 1 host=2560M
  domain 1 claims host=2560M

What the hypervisor refuses: exit code 1, and a line that says what is wrong and what to do.

  $ xen_claims set 9 0=1G
  xen-claims: there is no domain 9, or it is dying (ESRCH): 'xl list' shows which there are
  [1]
  $ xen_claims show 9
  xen-claims: there is no domain 9, or it is dying (ESRCH): 'xl list' shows which there are
  [1]
  $ xen_claims release 9
  xen-claims: there is no domain 9, or it is dying (ESRCH): 'xl list' shows which there are
  [1]
  $ xen_claims set 3 3=3G
  xen-claims: domain 3: node 3 has 2G to claim, 3G wanted (ENOMEM): 'xen-claims nodes' shows what there is
  [1]
  $ xen_claims set 3 0=15G
  xen-claims: domain 3: node 0 has 14G to claim, 15G wanted (ENOMEM): 'xen-claims nodes' shows what there is
  [1]
  $ xen_claims set 3 4=1G
  xen-claims: domain 3: the host has no node 4 online (ENOENT): 'xen-claims nodes' shows what there is
  [1]
  $ xen_claims set 3 host=9223372036854775807p
  xen-claims: domain 3: it has 14G and may have 32G, 36028797018963967M (9223372036854775807p) more wanted (EINVAL): claim less, or raise that with 'xl mem-max'
  [1]
  $ xen_claims set 1 0=3G
  xen-claims: domain 1: it has 2G and may have 4608M, 3G more wanted (EINVAL): claim less, or raise that with 'xl mem-max'
  [1]
  $ xen_claims set 3 0=14G 2=15G
  xen-claims: domain 3: it has 14G and may have 32G, 29G more wanted (EINVAL): claim less, or raise that with 'xl mem-max'
  [1]
  $ xen_claims plan 60G
  xen-claims: 60G wanted, which is 20992M (5374052p) too much (ENOMEM): 'xen-claims nodes' shows what there is
  [1]
  $ xen_claims plan 17G --policy single
  xen-claims: 17G wanted, which is 1G (262244p) too much (ENOMEM): 'xen-claims nodes' shows what there is
  [1]

The host is short, though each node has enough:

  $ cat >full.json <<END
  > { "domains": [ { "claims": { "host": "15G" } }, { "max": "8G" } ] }
  > END
  $ xen-claims set 2 0=2G --host 2x8 --state full.json
  xen-claims: domain 2: the host has 1G to claim, 2G wanted (ENOMEM): 'xen-claims nodes' shows what there is
  [1]

Releasing:

  $ xen_claims release 1
  domain 1: released 1=2G host=512M
  $ xen_claims release 2
  domain 2: released 2=100p
  $ echo '{ "domains": [ {} ] }' >empty.json
  $ xen-claims release 1 --host 4x16 --state empty.json
  domain 1 claims nothing

Of those that are left over, domain 2 is not: it runs.

  $ xen_claims release --orphans --idle 0 --yes
  domain 1: released 1=2G host=512M
  domain 3: released 3=2G

Whether the others were, or are being migrated in and wait, Xen does not know. No answer is a no:

  $ xen_claims release --orphans --idle 0.2 </dev/null
  Nothing happens to these domains. So it is with one that was left over, and with one that is being
  restored or migrated in, and waits for what is to come. Which it is, the toolstack knows.
  domain 1: has 2G of at most 4608M, claims 1=2G host=512M. Release that? [y/N] 
  domain 1: left alone
  domain 3: has 14G of at most 32G, claims 3=2G. Release that? [y/N] 
  domain 3: left alone
  $ printf 'n\nyes\n' | xen_claims release --orphans --idle 0
  Nothing happens to these domains. So it is with one that was left over, and with one that is being
  restored or migrated in, and waits for what is to come. Which it is, the toolstack knows.
  domain 1: has 2G of at most 4608M, claims 1=2G host=512M. Release that? [y/N] 
  domain 1: left alone
  domain 3: has 14G of at most 32G, claims 3=2G. Release that? [y/N] 
  domain 3: released 3=2G
  $ xen_claims release 1 --yes
  xen-claims: --yes is for --orphans
  [2]
  $ xen-claims release --orphans --host 4x16 --state empty.json
  No claims are left over.

Nodes that are wanted have to be there:

  $ xen-claims plan 1G --vcpus-node 9 --host 4x16
  xen-claims: the host has no node 9 online (ENOENT): 'xen-claims nodes' shows what there is
  [1]
  $ xen-claims plan 1G --policy prefer:0,7 --host 4x16
  xen-claims: the host has no node 7 online (ENOENT): 'xen-claims nodes' shows what there is
  [1]
