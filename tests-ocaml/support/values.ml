open Xenctrl_claims
open Xenctrl_claims_testing

let gib = 262_144L
let unlimited = 0x1000_0000L
let host pages = { Xenctrl.pages; target = -1l }
let node n pages = { Xenctrl.pages; target = Int32.of_int n }

let normal claims =
  let claims = List.filter (fun c -> c.Xenctrl.pages > 0L) (Array.to_list claims) in
  let by_target a b = Int32.compare a.Xenctrl.target b.Xenctrl.target in
  Array.of_list (List.sort by_target claims)

let sum = List.fold_left Int64.add 0L
let open_host = Host.open_

let new_domain ?(max_pages = unlimited) h =
  let d = Host.new_domain h in
  Building.domain_setmaxmem h d (Int64.mul max_pages 4L);
  d

(* Dom0 is not ours. *)
let domains h = List.filter (fun (d : Xenctrl.domain_info) -> d.domid <> 0) (Xenctrl.domain_list h)
let domain_info h d = List.find (fun info -> info.Xenctrl.domid = d) (Xenctrl.domain_list h)
let on h n = List.find (fun m -> m.Xenctrl.node = n) (Xenctrl.node_memory h)
let claimed_on h n = (on h n).claimed
let free_on h n = (on h n).free

let nodes h =
  let ids = List.map (fun m -> m.Xenctrl.node) (Xenctrl.node_memory h) in
  if ids <> List.init (List.length ids) Fun.id then failwith "the nodes' ids have gaps";
  ids

let unclaimed_on h n = Int64.sub (free_on h n) (claimed_on h n)

let unclaimed h =
  let memory = Xenctrl.host_memory h in
  Int64.sub memory.free_pages memory.outstanding_pages

let surely pages = Int64.sub pages Host.slack
let too_many pages = Int64.succ (Int64.add pages Host.slack)

type snapshot = {
  nodes : Xenctrl.node_memory list;
  memory : Xenctrl.host_memory;
  domains : Xenctrl.domain_info list;
  claims : (Xenctrl.domid * Xenctrl.claim array) list;
}

let snapshot h =
  let domains = domains h in
  let claims (info : Xenctrl.domain_info) =
    (info.domid, Xenctrl.domain_claim_memory_get h info.domid)
  in
  {
    nodes = Xenctrl.node_memory h;
    memory = Xenctrl.host_memory h;
    domains;
    claims = List.map claims domains;
  }

type 'a outcome =
  | Returned of 'a
  | Invalid of string
  | Refused of Unix.error * string * string
  | Panicked of string

let outcome f =
  match f () with
  | value -> Returned value
  | exception Invalid_argument message -> Invalid message
  | exception Unix.Unix_error (error, name, subject) -> Refused (error, name, subject)
  | exception Xenctrl.Panic message -> Panicked message

let within seconds condition =
  let deadline = Unix.gettimeofday () +. seconds in
  let rec wait () =
    condition ()
    || Unix.gettimeofday () < deadline
       &&
       (Unix.sleepf 0.001;
        wait ())
  in
  wait ()

let resident_kib () =
  let rec find channel =
    let line = input_line channel in
    match Scanf.sscanf line "VmRSS: %d kB" Fun.id with
    | kib -> kib
    | exception (Scanf.Scan_failure _ | Failure _ | End_of_file) -> find channel
  in
  In_channel.with_open_text "/proc/self/status" find
