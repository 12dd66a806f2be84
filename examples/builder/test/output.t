On an embedded hypervisor, time is simulated: the result is the same each time.

  $ ../builder.exe storm ../scenarios/boot-storm.json
  boot-storm: 40 VMs of 262.5 GiB together, 8 at once, on epyc-nps4 (8 nodes, 256.0 GiB)
  
                                          without claims  claims, affinity  claims, exact nodes
  VMs built                               39 (242.5 GiB)    39 (242.5 GiB)       39 (242.5 GiB)
    on one node, as planned                            4                39                   39
    on several nodes, as planned                       0                 0                    0
    with memory where it was not planned  35 (173.5 GiB)                 0                    0
  refused before any memory was touched                0                 1                    1
  failed late, populated for nothing        1 (13.5 GiB)                 0                    0
  seconds until the last was done                   12.6              11.8                 11.8
  $ ../builder.exe storm ../scenarios/huge-vm.json
  huge-vm: 23 VMs of 257.0 GiB together, 8 at once, on epyc-nps4 (8 nodes, 256.0 GiB)
  
                                          without claims  claims, affinity  claims, exact nodes
  VMs built                               22 (137.0 GiB)    22 (251.5 GiB)       22 (251.5 GiB)
    on one node, as planned                            4                20                   20
    on several nodes, as planned                       0                 2                    2
    with memory where it was not planned   18 (62.2 GiB)                 0                    0
  refused before any memory was touched                0                 1                    1
  failed late, populated for nothing       1 (119.0 GiB)                 0                    0
  seconds until the last was done                   30.5              30.8                 30.8
  $ ../builder.exe storm ../scenarios/evacuation.json | tail -8
                                          without claims  claims, affinity  claims, exact nodes
  VMs built                               26 (145.0 GiB)    26 (149.0 GiB)       26 (149.0 GiB)
    on one node, as planned                            2                22                   22
    on several nodes, as planned                       0                 4                    4
    with memory where it was not planned   24 (96.0 GiB)                 0                    0
  refused before any memory was touched                0                 2                    2
  failed late, populated for nothing        2 (14.0 GiB)                 0                    0
  seconds until the last was done                    8.8               8.9                  8.9
  $ ../builder.exe storm ../scenarios/no-numa.json | tail -8
                                          without claims  claims, affinity  claims, exact nodes
  VMs built                                12 (64.0 GiB)     12 (64.0 GiB)        12 (64.0 GiB)
    on one node, as planned                           12                12                   12
    on several nodes, as planned                       0                 0                    0
    with memory where it was not planned               0                 0                    0
  refused before any memory was touched                0                 1                    1
  failed late, populated for nothing         1 (4.0 GiB)                 0                    0
  seconds until the last was done                    6.1               6.1                  6.1

Where each VM is, and why it is not. A preference is honoured as far as it can be:

  $ cat >two.json <<'END'
  > { "host": "2x4", "builders": 2,
  >   "running": [ { "name": "old-1", "mib": 2048, "nodes": [0], "leaves": 0.4 } ],
  >   "vms": [ { "name": "web-1", "mib": 2048, "nodes": [0] },
  >            { "name": "db-1", "mib": 3073, "nodes": [0], "arrives": 0.5 },
  >            { "name": "ci-1", "mib": 3000, "arrives": 0.6 } ] }
  > END
  $ ../builder.exe storm -v two.json
  VM      memory  without claims
  web-1  2.0 GiB  node 0: 2.0 GiB
  db-1   3.0 GiB  node 0: 1.0 GiB, node 1: 2.0 GiB; 2.0 GiB not as planned
  ci-1   2.9 GiB  node 0: 952 MiB, node 1: 2.0 GiB; 952 MiB not as planned
  
  VM      memory  claims, affinity
  web-1  2.0 GiB  node 0: 2.0 GiB
  db-1   3.0 GiB  node 0: 2.0 GiB, node 1: 1.0 GiB
  ci-1   2.9 GiB  node 1: 2.9 GiB
  
  VM      memory  claims, exact nodes
  web-1  2.0 GiB  node 0: 2.0 GiB
  db-1   3.0 GiB  node 0: 2.0 GiB, node 1: 1.0 GiB
  ci-1   2.9 GiB  node 1: 2.9 GiB
  
  two: 3 VMs of 7.9 GiB together, 2 at once, on 2x4 (2 nodes, 8.0 GiB)
  
                                          without claims  claims, affinity  claims, exact nodes
  VMs built                                  3 (7.9 GiB)       3 (7.9 GiB)          3 (7.9 GiB)
    on one node, as planned                            1                 2                    2
    on several nodes, as planned                       0                 1                    1
    with memory where it was not planned     2 (2.9 GiB)                 0                    0
  refused before any memory was touched                0                 0                    0
  failed late, populated for nothing                   0                 0                    0
  seconds until the last was done                    1.9               1.9                  1.9
  $ ../builder.exe build --seed 3 two.json
  two: 3 VMs of 7.9 GiB together, 2 at once, on 2x4 (2 nodes, 8.0 GiB)
  
                                          claims, exact nodes
  VMs built                                       3 (7.9 GiB)
    on one node, as planned                                 2
    on several nodes, as planned                            1
    with memory where it was not planned                    0
  refused before any memory was touched                     0
  failed late, populated for nothing                        0
  seconds until the last was done                         2.1
  
  VM      memory  claims, exact nodes
  web-1  2.0 GiB  node 0: 2.0 GiB
  db-1   3.0 GiB  node 0: 2.0 GiB, node 1: 1.0 GiB
  ci-1   2.9 GiB  node 1: 2.9 GiB

Nobody else builds, but node 0 has only what another VM has just given back. Xen scrubs that before
somebody gets it, and so prefers memory of node 1; claims keep it from doing so:

  $ cat >restart.json <<'END'
  > { "host": "2x4", "running": [ { "name": "old-1", "mib": 4096, "nodes": [0], "leaves": 0 } ],
  >   "vms": [ { "name": "web-1", "mib": 2049, "nodes": [0] } ] }
  > END
  $ ../builder.exe storm -v restart.json | head -8
  VM      memory  without claims
  web-1  2.0 GiB  node 0: 1 MiB, node 1: 2.0 GiB; 2.0 GiB not as planned
  
  VM      memory  claims, affinity
  web-1  2.0 GiB  node 0: 2.0 GiB
  
  VM      memory  claims, exact nodes
  web-1  2.0 GiB  node 0: 2.0 GiB
  $ ../builder.exe storm --builder affinity restart.json | sed -n 3p
                                          without claims  claims, affinity
  $ ../builder.exe build --builder affinity restart.json | tail -2
  VM      memory  claims, affinity
  web-1  2.0 GiB  node 0: 2.0 GiB

Scaled to another host:

  $ ../builder.exe storm --host 4x1 --builders 4 ../scenarios/boot-storm.json | head -8
  boot-storm: 40 VMs of 4.1 GiB together, 4 at once, on 4x1 (4 nodes, 4.0 GiB)
  
                                          without claims  claims, affinity  claims, exact nodes
  VMs built                                 39 (3.8 GiB)      39 (3.8 GiB)         39 (3.8 GiB)
    on one node, as planned                           24                39                   39
    on several nodes, as planned                       0                 0                    0
    with memory where it was not planned    15 (984 MiB)                 0                    0
  refused before any memory was touched                0                 1                    1

JSON, and nothing else:

  $ ../builder.exe storm --json two.json | tr -d ' \n' | head -c 700
  {"scenario":"two","host":"2x4","nodes":2,"pages":2097152,"seed":1,"storms":[{"claims":false,"builder":"affinity","built":3,"on_one_node":1,"as_planned":0,"strayed":2,"refused":0,"late_refused":0,"failed":0,"wasted_pages":0,"stray_pages":767744,"used_pages":2078976,"retries":0,"seconds":1.9240880204996598,"broken_promises":["db-1has524032pageswhereitdidnotclaimthem","ci-1has243712pageswhereitdidnotclaimthem"],"vms":[{"name":"web-1","pages":524288,"outcome":"built","planned":{"0":524288},"memory":{"0":524288},"retries":0,"started":0.0,"ended":0.8689173799704578},{"name":"db-1","pages":786688,"outcome":"built","planned":{"0":786432,"1":256},"memory":{"0":262400,"1":524288},"retries":0,"started"
