open Xenctrl_claims

let version = 1

(* Whatever its size: an OCaml int has 63 bits. *)
let pages pages : Yojson.Safe.t = `Intlit (Int64.to_string pages)

let node (node : Xenctrl.node_memory) : Yojson.Safe.t =
  `Assoc
    [
      ("node", `Int node.node);
      ("size", pages node.size);
      ("free", pages node.free);
      ("claimed", pages node.claimed);
      ("claimable", pages (Reading.claimable_of_node node));
    ]

let nodes (reading : Reading.nodes) =
  [
    ("nodes", `List (List.map node reading.nodes));
    ( "host",
      `Assoc
        [
          ("free", pages reading.host.free_pages);
          ("claimed", pages reading.host.outstanding_pages);
          ("claimable", pages (Reading.claimable reading));
        ] );
  ]

let claim (claim : Xenctrl.claim) : Yojson.Safe.t =
  `Assoc [ ("target", `String (Claim_set.target claim.target)); ("pages", pages claim.pages) ]

let claims claims : Yojson.Safe.t = `List (List.map claim claims)

let one_domain ({ info; claims = set } : Reading.domain) : Yojson.Safe.t =
  `Assoc
    [
      ("domid", `Int info.domid);
      ("memory", pages info.total_pages);
      ("max", pages info.max_pages);
      ("claimed", pages info.claimed_pages);
      ("claims", claims set);
      ("paused", `Bool info.paused);
      ("started", `Bool (info.cpu_time <> 0L || not info.paused));
      ("dying", `Bool info.dying);
    ]

let domains domains = [ ("domains", `List (List.map one_domain domains)) ]
let domain domain = [ ("domain", one_domain domain) ]
let plan ~pages:wanted set = [ ("pages", pages wanted); ("claims", claims set) ]
let with_version fields : Yojson.Safe.t = `Assoc (("version", `Int version) :: fields)
let to_string fields = Yojson.Safe.pretty_to_string ~std:true (with_version fields) ^ "\n"
let to_line fields = Yojson.Safe.to_string ~std:true (with_version fields) ^ "\n"

let manual =
  [
    `P
      "With $(b,--json), a listing is one JSON object. Amounts are pages of 4096 bytes, exactly. \
       $(i,version) is 1; it changes when something in the object goes away or means something \
       else. New fields may come without that: ignore what you do not know.";
    `I
      ( "$(b,nodes)",
        "$(i,nodes): a list of objects with $(i,node) (its id), $(i,size), $(i,free), $(i,claimed) \
         (by claims on it), $(i,claimable). $(i,host): an object with $(i,free), $(i,claimed) (by \
         all claims), $(i,claimable)." );
    `I
      ( "$(b,list)",
        "$(i,domains): a list of objects with $(i,domid), $(i,memory) (what it has), $(i,max) \
         (what it may have), $(i,claimed) (all of its claims), $(i,claims), $(i,paused), \
         $(i,started) (it runs, or has run) and $(i,dying). $(i,claims) is a list of objects with \
         $(i,target) (a string: a node id, or \"host\") and $(i,pages)." );
    `I ("$(b,show)", "$(i,domain): an object as in $(b,list).");
    `I ("$(b,plan)", "$(i,pages): what was asked for. $(i,claims): as in $(b,list).");
    `I
      ("$(b,watch)", "An object on each line, with $(i,nodes), $(i,host) and $(i,domains) as above.");
  ]
