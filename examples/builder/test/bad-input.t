Bad input of each kind: exit code 2, one line on standard error, nothing on standard output.

  $ bad () {
  >   ../builder.exe "$@" >out 2>err; code=$?
  >   cat err
  >   test $code = 2 -a ! -s out -a $(wc -l <err) = 1 || echo "exit $code"
  > }
  $ one='{"host": "2x4", "vms": [{"name": "a", "mib": 1}]}'

The scenario:

  $ bad storm nothing.json
  builder: nothing.json: cannot be read: No such file or directory
  $ bad storm .
  builder: .: cannot be read: Is a directory
  $ bad storm ''
  builder: '': cannot be read: No such file or directory
  $ bad storm /dev/zero
  builder: /dev/zero: too long; a list has at most 4194304 bytes
  $ bad build - </dev/null
  builder: standard input: empty; it has to have a scenario, as in {"host": "2x4", "vms": [{"name": "web-1", "mib": 2048}]}
  $ echo '{' >list; bad storm list
  builder: list: not JSON: line 2, column 1: Unexpected end of input
  $ printf '%0500000d' 0 | tr 0 '[' | bad storm -
  builder: standard input: not JSON: line 1, column 500000: Unexpected end of input
  $ echo '{"host": "2x4", "vms": [{"name": "a", "mib": -512}]}' | bad build -
  builder: standard input: vms, entry 1 (a): mib is -512, not a whole number in 1..16777215
  $ echo '{"host": "epyc-nps4", "vms": [{"name": "a", "mib": 1, "nodes": [8]}]}' | bad storm -
  builder: standard input: vms, entry 1 (a): host epyc-nps4 has no node 8; it has nodes 0-7
  $ echo '{"host": "uma", "running": [{"name": "a", "mib": 1, "nodes": [1]}], "vms": [{"name": "b", "mib": 1}]}' | bad build -
  builder: standard input: running, entry 1 (a): host uma has no node 1; it has node 0

The host:

  $ echo "$one" | bad storm --host 0x0 -
  builder: host: '0x0': a host has 1..64 nodes
  $ echo "$one" | bad storm --host 1x99999999999999999999 -
  builder: host: '1x99999999999999999999': a node has 1..1048576 GiB
  $ echo "$one" | bad storm --host "$(printf 'mo\non')" -
  builder: host: 'mo on' is no host: give 'this', 'uma', '2-socket', 'epyc-nps4', or NODESxGiB such as '4x16'
  $ echo "$one" | sed s/2x4/moon/ | bad build -
  builder: host: 'moon' is no host: give 'this', 'uma', '2-socket', 'epyc-nps4', or NODESxGiB such as '4x16'
  $ echo "$one" | bad storm --host 2x4 --xen -
  builder: --host and --xen exclude each other (--help explains)
  $ echo "$one" | bad storm --xen -
  builder: --xen: this machine does not run Xen: boot it with Xen and run this in its control domain

The rest of the command line:

  $ echo "$one" | bad storm --builders 0 -
  builder: option '--builders': '0' is not a number of builders in 1..64 (--help explains)
  $ echo "$one" | bad storm --builders 65 -
  builder: option '--builders': '65' is not a number of builders in 1..64 (--help explains)
  $ echo "$one" | bad storm --seed many -
  builder: option '--seed': invalid value 'many', expected an integer (--help explains)
  $ echo "$one" | bad storm --builder fast -
  builder: option '--builder': invalid value 'fast', expected either 'affinity' or 'exact' (--help explains)
  $ bad storm
  builder: required argument SCENARIO is missing (--help explains)
  $ bad storm --speed 9 -
  builder: unknown option '--speed', did you mean '--seed'? (--help explains)
  $ bad storm - -
  builder: too many arguments, don't know what to do with '-' (--help explains)
  $ bad
  builder: required COMMAND name is missing, must be one of 'build', 'page', 'replay', 'storm', 'xl' or 'xl-storms'. (--help explains)
  $ bad storms
  builder: unknown command 'storms', did you mean 'storm'? (--help explains)

Output that cannot be written:

  $ echo "$one" | ../builder.exe storm - >/dev/full
  builder: standard output: No space left on device
  [1]
  $ echo "$one" | ../builder.exe storm --report /proc/nowhere - 2>&1 | tail -1
  builder: --report: /proc/nowhere: No such file or directory
  $ echo "$one" | PATH= ../builder.exe storm --report . - 2>&1 | tail -1
  builder: --report: there is no gnuplot, which draws the pictures (Debian package: gnuplot-nox)
