Bad input of each kind: exit code 2, one line on standard error, nothing on standard output.

  $ bad () {
  >   ../builder.exe "$@" >out 2>err; code=$?
  >   cat err
  >   test $code = 2 -a ! -s out -a $(wc -l <err) = 1 || echo "exit $code"
  > }

The list:

  $ bad nothing.json
  builder: nothing.json: cannot be read: No such file or directory
  $ bad .
  builder: .: cannot be read: Is a directory
  $ bad ''
  builder: '': cannot be read: No such file or directory
  $ bad /dev/zero
  builder: /dev/zero: too long; a list has at most 4194304 bytes
  $ bad - </dev/null
  builder: standard input: empty; it has to have a list of VMs, as in [{"name": "web-1", "mib": 2048}]
  $ echo '[' >list; bad list
  builder: list: not JSON: line 2, column 1: Unexpected end of input
  $ echo '[]' | bad -
  builder: standard input: the list is empty; it has to have a VM, as in [{"name": "web-1", "mib": 2048}]
  $ printf '%0500000d' 0 | tr 0 '[' | bad -
  builder: standard input: not JSON: line 1, column 500000: Unexpected end of input
  $ echo '[{"name": "a", "mib": -512}]' | bad -
  builder: standard input: entry 1 (a): mib is -512, not a whole number in 1..16777215
  $ echo '[{"name": "a", "mib": 1, "nodes": [8]}]' | bad --host epyc-nps4 -
  builder: standard input: entry 1 (a): host epyc-nps4 has no node 8; it has nodes 0-7
  $ echo '[{"name": "a", "mib": 1, "nodes": [1]}]' | bad --host uma -
  builder: standard input: entry 1 (a): host uma has no node 1; it has node 0

The host:

  $ bad --host 0x0 ../vms.json
  builder: --host: '0x0': a host has 1..64 nodes
  $ bad --host 65x1 ../vms.json
  builder: --host: '65x1': a host has 1..64 nodes
  $ bad --host 1x99999999999999999999 ../vms.json
  builder: --host: '1x99999999999999999999': a node has 1..1048576 GiB
  $ bad --host '' ../vms.json
  builder: --host: '' is no host: use this, uma, 2-socket, epyc-nps4, or NODESxGiB such as 4x16
  $ bad --host moon ../vms.json
  builder: --host: 'moon' is no host: use this, uma, 2-socket, epyc-nps4, or NODESxGiB such as 4x16
  $ bad --host "$(printf 'mo\non')" ../vms.json
  builder: --host: 'mo on' is no host: use this, uma, 2-socket, epyc-nps4, or NODESxGiB such as 4x16

The rest of the command line:

  $ bad --builders 0 ../vms.json
  builder: option '--builders': '0' is not a number of builders in 1..64 (--help explains)
  $ bad --builders=-1 ../vms.json
  builder: option '--builders': '-1' is not a number of builders in 1..64 (--help explains)
  $ bad --builders 65 ../vms.json
  builder: option '--builders': '65' is not a number of builders in 1..64 (--help explains)
  $ bad --builders 99999999999999999999 ../vms.json
  builder: option '--builders': '99999999999999999999' is not a number of builders in 1..64 (--help explains)
  $ bad --builders many ../vms.json
  builder: option '--builders': 'many' is not a number of builders in 1..64 (--help explains)
  $ bad --builders
  builder: required argument FILE is missing (--help explains)
  $ bad --builder=3x ../vms.json
  builder: option '--builder': '3x' is not a number of builders in 1..64 (--help explains)
  $ bad --speed 9 ../vms.json
  builder: unknown option '--speed'. (--help explains)
  $ bad ../vms.json ../vms.json
  builder: too many arguments, don't know what to do with '../vms.json' (--help explains)
  $ bad
  builder: required argument FILE is missing (--help explains)

Output that cannot be written, and help:

  $ ../builder.exe --host uma ../vms.json >/dev/full
  builder: standard output: No space left on device
  [1]
  $ ../builder.exe --help=plain | sed -n '/^EXIT/,/^[^E ]/p'
  EXIT STATUS
         builder exits with:
  
         0   when every VM was built or refused for lack of memory; refusals
             are in the output.
  
         1   when a VM failed in another way, or the output could not be
             written.
  
         2   when the command line or the list is wrong; nothing was built.
  
