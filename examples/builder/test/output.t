With one builder the result is always the same.

  $ build () { ../builder.exe --builders 1 "$@" | sed 's/[0-9.]* s$/TIME s/'; }
  $ build --host epyc-nps4 ../vms.json
  Host epyc-nps4: 8 nodes, 256.0 GiB. 20 VMs, 1 builder.
  
  VM            MiB  domid  memory
  router-1      512      1  node 0: 512 MiB (preferred)
  router-2      512      2  node 0: 512 MiB (preferred)
  dns          1024      3  node 1: 1024 MiB
  storage      4096      4  node 0: 4096 MiB (preferred)
  web-1        2048      5  node 2: 2048 MiB
  web-2        2048      6  node 3: 2048 MiB
  web-3        2048      7  node 4: 2048 MiB
  cache       16384      8  node 5: 16384 MiB
  db-1        24576      9  node 0: 24576 MiB (preferred)
  db-2        24576     10  node 6: 24576 MiB
  mail         8192     11  node 7: 8192 MiB
  ci-1        16384     12  node 1: 16384 MiB
  ci-2        16384     13  node 2: 16384 MiB
  ci-3        16384     14  node 3: 16384 MiB
  build       32768     15  node 4: 30720 MiB, node 7: 2048 MiB
  vdi-1        8192     16  node 7: 8192 MiB (not the preferred node 0: 3072 MiB claimable)
  vdi-2        8192     17  node 5: 8192 MiB (not the preferred node 0: 3072 MiB claimable)
  monitoring   2048     18  node 1: 2048 MiB
  analytics   49152     19  node 1: 6144 MiB, node 2: 14336 MiB, node 3: 14336 MiB, node 7: 14336 MiB
  archive     98304      -  refused: 98304 MiB wanted, 26624 MiB claimable on nodes 0-1, 5-6
  
  node  size MiB  used MiB  claimed MiB  free MiB
     0     32768     29696            0      3072
     1     32768     25600            0      7168
     2     32768     32768            0         0
     3     32768     32768            0         0
     4     32768     32768            0         0
     5     32768     24576            0      8192
     6     32768     24576            0      8192
     7     32768     32768            0         0
   all    262144    235520            0     26624
  
  Refused because too little was claimable: 1 VM, 98304 MiB together.
  19 built, 1 refused, 0 retries after losing a race, TIME s
  $ build --host 2x4 - <<END
  > [ {"name": "a", "mib": 3000, "nodes": [1]}, {"name": "b", "mib": 4096, "nodes": [1]},
  >   {"name": "c", "mib": 1096}, {"name": "d", "mib": 1}, {"name": "e", "mib": 5000} ]
  > END
  Host 2x4: 2 nodes, 8.0 GiB. 5 VMs, 1 builder.
  
  VM   MiB  domid  memory
  a   3000      1  node 1: 3000 MiB (preferred)
  b   4096      2  node 0: 4096 MiB (not the preferred node 1: 1096 MiB claimable)
  c   1096      3  node 1: 1096 MiB
  d      1      -  refused: 1 MiB wanted, nothing claimable on any node
  e   5000      -  refused: 5000 MiB wanted, nothing claimable on any node
  
  node  size MiB  used MiB  claimed MiB  free MiB
     0      4096      4096            0         0
     1      4096      4096            0         0
   all      8192      8192            0         0
  
  Refused because too little was claimable: 2 VMs, 5001 MiB together.
  3 built, 2 refused, 0 retries after losing a race, TIME s
