type handle = Connection.t
type domid = int
type claim = Claim_sets.Claims.claim = { pages : int64; target : int32 }

type node_memory = Claim_sets.Claims.node_memory = {
  node : int;
  size : int64;
  free : int64;
  claimed : int64;
}

type host_memory = Claim_sets.Claims.host_memory = { free_pages : int64; outstanding_pages : int64 }

type domain_info = Primitives.domain_info = {
  domid : domid;
  total_pages : int64;
  max_pages : int64;
  claimed_pages : int64;
  dying : bool;
  paused : bool;
  cpu_time : int64;
  uuid : string;
}

exception Panic = Failures.Panic

(* With all arguments: what is applied to a part of them allocates. *)
let done_or_fail name domid answer = Failures.done_or_fail "Xenctrl" name domid answer
let get_or_fail name answer = Failures.get_or_fail "Xenctrl" name answer

let get_of_domain_or_fail name domid answer =
  Failures.get_of_domain_or_fail "Xenctrl" name domid answer

(* Handles *)

let interface_open = Connect.open_xen
let interface_close (handle : handle) = handle.close ()

let with_intf f =
  let handle = interface_open () in
  Fun.protect ~finally:(fun () -> interface_close handle) (fun () -> f handle)

(* Claims *)

let domain_claim_memory (handle : handle) domid claims =
  handle.set domid claims |> done_or_fail "domain_claim_memory" domid

(* The stub answers in one string: 8 bytes for the pages of a claim, 4 for its target. *)
let unpack packed =
  let claim i : claim =
    {
      pages = String.get_int64_ne packed (12 * i);
      target = String.get_int32_ne packed ((12 * i) + 8);
    }
  in
  Array.init (String.length packed / 12) claim

let domain_claim_memory_get (handle : handle) domid =
  handle.get domid |> get_of_domain_or_fail "domain_claim_memory_get" domid |> unpack

let domain_claim_pages (handle : handle) domid pages =
  handle.claim_pages domid pages |> done_or_fail "domain_claim_pages" domid

let has_claim_sets (handle : handle) = handle.has_claim_sets () |> get_or_fail "has_claim_sets"

(* Memory *)

let node_memory (handle : handle) = handle.nodes () |> get_or_fail "node_memory"
let node_distances (handle : handle) = handle.distances () |> get_or_fail "node_distances"
let host_memory (handle : handle) = handle.host () |> get_or_fail "host_memory"
let domain_list (handle : handle) = handle.domains () |> get_or_fail "domain_list"

let domain_set_node_affinity (handle : handle) domid nodes =
  handle.set_node_affinity domid nodes |> done_or_fail "domain_set_node_affinity" domid

(* For xenctrl-claims.testing *)

let handle connection = connection
let connection handle = handle
