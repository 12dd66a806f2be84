type handle = Stubs.handle
type domid = int
type claim = Stubs.claim = { pages : int64; target : int32 }
type node_memory = Stubs.node_memory = { node : int; size : int64; free : int64; claimed : int64 }
type host_memory = Stubs.host_memory = { free_pages : int64; outstanding_pages : int64 }

type domain_info = Stubs.domain_info = {
  domid : domid;
  total_pages : int64;
  max_pages : int64;
  claimed_pages : int64;
  dying : bool;
  paused : bool;
  cpu_time : int64;
  uuid : string;
}

type domain_memory = Stubs.domain_memory = { owner : domid; on_node : int; has_pages : int64 }
type placement = Stubs.placement = Any | Prefer of int | Exact of int

exception Panic of string

(* Errors *)

let unix_error errno : Unix.error =
  Option.value (List.assoc_opt errno Errnos.all) ~default:(Unix.EUNKNOWNERR errno)

let errno : Unix.error -> int option = function
  | EUNKNOWNERR errno -> Some errno
  | error -> List.find_opt (fun (_, known) -> known = error) Errnos.all |> Option.map fst

let invalid name message = invalid_arg (Printf.sprintf "Xenctrl.%s: %s" name message)

let fail name subject : Stubs.failure -> 'a = function
  | Refused errno -> raise (Unix.Unix_error (unix_error errno, name, subject))
  | Invalid message -> invalid name message
  | Closed -> invalid name "the handle is closed"
  | Panicked message -> raise (Panic message)

let domain domid = "domid " ^ string_of_int domid

let done_or_fail name domid = function
  | None -> ()
  | Some failure -> fail name (domain domid) failure

let get_or_fail name = function Ok value -> value | Error failure -> fail name "" failure

(* The subject is put into words only where somebody reads it. *)
let get_of_domain_or_fail name domid = function
  | Ok value -> value
  | Error failure -> fail name (domain domid) failure

(* Handles *)

let interface_open () =
  match Stubs.xen_claims_open_xen () with
  | Ok handle -> handle
  | Error { errno; reason } -> raise (Unix.Unix_error (unix_error errno, "interface_open", reason))

let interface_close = Stubs.xen_claims_close

let with_intf f =
  let handle = interface_open () in
  Fun.protect ~finally:(fun () -> interface_close handle) (fun () -> f handle)

(* Claims *)

let domain_claim_memory handle domid claims =
  Stubs.xen_claims_set handle domid claims |> done_or_fail "domain_claim_memory" domid

(* The stub answers in one string: 8 bytes for the pages of a claim, 4 for its target. *)
let unpack packed =
  let claim i : claim =
    {
      pages = String.get_int64_ne packed (12 * i);
      target = String.get_int32_ne packed ((12 * i) + 8);
    }
  in
  Array.init (String.length packed / 12) claim

let domain_claim_memory_get handle domid =
  Stubs.xen_claims_get handle domid
  |> get_of_domain_or_fail "domain_claim_memory_get" domid
  |> unpack

let domain_claim_pages handle domid pages =
  Stubs.xen_claims_claim_pages handle domid pages |> done_or_fail "domain_claim_pages" domid

let has_claim_sets handle = Stubs.xen_claims_has_claim_sets handle |> get_or_fail "has_claim_sets"

(* Memory *)

let node_memory handle = Stubs.xen_claims_nodes handle |> get_or_fail "node_memory"
let node_distances handle = Stubs.xen_claims_distances handle |> get_or_fail "node_distances"
let host_memory handle = Stubs.xen_claims_host handle |> get_or_fail "host_memory"
let domain_list handle = Stubs.xen_claims_domains handle |> get_or_fail "domain_list"
let domain_memory handle = Stubs.xen_claims_domain_memory handle |> get_or_fail "domain_memory"

(* Building domains *)

let no_uuid = String.make 16 '\000'

let domain_create ?(uuid = no_uuid) handle =
  Stubs.xen_claims_create handle uuid |> get_or_fail "domain_create"

let domain_setmaxmem handle domid kib =
  if Int64.compare kib 0L < 0 then
    invalid "domain_setmaxmem" (Printf.sprintf "%Ld KiB is negative" kib);
  let pages = Int64.div kib 4L in
  Stubs.xen_claims_set_max_pages handle domid pages |> done_or_fail "domain_setmaxmem" domid

let domain_set_node_affinity handle domid nodes =
  Stubs.xen_claims_set_node_affinity handle domid nodes
  |> done_or_fail "domain_set_node_affinity" domid

let domain_populate handle domid ~order ~extents placement =
  Stubs.xen_claims_populate handle domid { order; extents; placement }
  |> get_of_domain_or_fail "domain_populate" domid

let domain_unpause handle domid =
  Stubs.xen_claims_unpause handle domid |> done_or_fail "domain_unpause" domid

let domain_destroy handle domid =
  Stubs.xen_claims_destroy handle domid |> done_or_fail "domain_destroy" domid

(* The embedded hypervisor *)

module Model = struct
  type fault = Panic | Panic_in_binding | Delay of float | Refuse of Unix.error

  let create host = Stubs.xen_claims_open_model host |> get_or_fail "Model.create"

  let inject handle fault =
    let fault : Stubs.fault =
      match fault with
      | Panic -> Panic
      | Panic_in_binding -> Panic_in_binding
      | Delay seconds -> Delay seconds
      | Refuse error -> (
          match errno error with
          | Some errno -> Refuse errno
          | None -> invalid "Model.inject" (Unix.error_message error ^ " is no answer of Xen's"))
    in
    match Stubs.xen_claims_inject handle fault with
    | None -> ()
    | Some failure -> fail "Model.inject" "" failure
end
