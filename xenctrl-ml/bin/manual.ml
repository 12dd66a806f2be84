open Cmdliner

let what_claims_are =
  [
    `S Manpage.s_description;
    `P
      "A $(i,claim) is a promise of Xen's allocator that so much memory stays available to one \
       domain: memory of one NUMA node, or of any ($(i,host-wide)). Programs that build domains \
       claim what a domain needs before they populate it, which takes seconds or minutes: nobody \
       else can be given claimed memory meanwhile, and nobody else can claim it. What is claimed \
       is still free; it is in use once the domain has it.";
    `P
      "A $(i,claim set) is everything that one domain claims: at most one claim for each node, and \
       one host-wide. It is replaced as a whole, at once or not at all.";
    `P
      "Claims are $(i,used up) as the domain is given memory: first the claim on the node the \
       memory is on, then the host-wide one, then those on other nodes. Memory that a domain gives \
       back becomes no claim again. Destroying a domain releases its claims. When memory of the \
       host fails, Xen may have to take claims back; $(b,xl dmesg) says so.";
    `P
      "$(b,xen-claims) shows and changes the claims of the Xen it runs on. Run it as root, in the \
       control domain.";
  ]

let leftovers =
  [
    `S "CLAIMS THAT ARE LEFT OVER";
    `P
      "Claims belong to a domain, not to the program that made them. When a builder dies half-way, \
       its domain stays, paused and never run, and so do its claims: $(b,xen-claims nodes) shows \
       memory that is claimed, and builds are refused for lack of memory though much is free. To \
       see who claims it:";
    `Pre "xen-claims list";
    `P
      "A domain that is $(i,paused, never run) is being built, or its builder is gone; \
       $(b,xen-claims watch) shows which, as claims of a domain that is being built are used up. \
       To be asked about each such domain to which nothing happens for 10 seconds, or to release \
       the claims of one domain:";
    `Pre "xen-claims release --orphans\nxen-claims release DOMID";
    `P
      "That gives the claims back. The domain keeps the memory it has; $(b,xl destroy) frees that. \
       A domain that was built, and runs, may also have claims left, if less was populated than \
       was claimed: they do no good, and can be released.";
  ]

let sizes =
  [
    `S "SIZES";
    `P
      "A size is a whole number and a unit: $(b,p) (pages of 4096 bytes), $(b,K), $(b,M), $(b,G) \
       or $(b,T), which are powers of 1024 bytes. 2G, 2048M and 524288p are the same. It has to be \
       a whole number of pages. Claims are shown exactly, in the largest unit that allows it. \
       Other amounts are shown rounded down to whole M. In JSON, all are pages.";
    `P
      "A claim is TARGET=SIZE, where TARGET is the id of a node, or $(b,host). 0=2G host=512M are \
       2G of node 0, and 512M of any node.";
  ]

let examples =
  [
    `S Manpage.s_examples;
    `P "What can be claimed, and what is:";
    `Pre "xen-claims nodes\nxen-claims list";
    `P "Which nodes a domain of 12G fits on, near node 1; and claiming that for domain 5:";
    `Pre
      "xen-claims plan 12G --vcpus-node 1\nxen-claims set 5 \\$(xen-claims plan 12G --vcpus-node 1)";
    `P "2G of node 0, 1G of node 1 and 512M of any; then what is still claimed, and giving it back:";
    `Pre "xen-claims set 5 0=2G 1=1G host=512M\nxen-claims show 5\nxen-claims release 5";
    `P "In a script, the domains with claims, and the memory that can be claimed, in pages:";
    `Pre
      "xen-claims list --json | jq '.domains[].domid'\nxen-claims nodes --json | jq .host.claimable";
    `P "Without Xen, on a host of 4 nodes that exists in this program only:";
    `Pre "xen-claims plan 24G --host 4x16";
  ]

let environment =
  [
    Cmd.Env.info "NO_COLOR"
      ~doc:"If it is set and not empty, there are no colours. Without a terminal there are none.";
  ]

let blocks =
  what_claims_are @ leftovers @ sizes @ examples
  @ [ `S "JSON" ]
  @ Shape.manual
  @ [ `S "TRYING IT WITHOUT XEN" ]
  @ State_file.manual
  @ [ `S Manpage.s_see_also ]
