(* A toolstack's daemon of 8 workers that build, reboot, migrate in and kill 200 VMs, and go on with some
   that were half built, on an embedded hypervisor, or with --xen on the Xen below: the code of
   numa_placement.ml, and a check that each VM has its memory where it was claimed. *)

open Xenctrl_claims
open Xenctrl_claims_testing

let on_xen = ref false
let verbose = ref false
let vms = ref 200

let () =
  let at_least_1 n = if n < 1 then raise (Arg.Bad "--vms: at least 1") else vms := n in
  Arg.parse
    [
      ("--xen", Arg.Set on_xen, "on the Xen below, as root in Dom0");
      ("--vms", Arg.Int at_least_1, "N so many VMs; without, 200");
      ("--verbose", Arg.Set verbose, "each attempt to claim");
    ]
    (fun word -> raise (Arg.Bad (word ^ ": no such option")))
    "daemon [--xen] [--vms N] [--verbose]"

let workers = 8

(* 16 processors a node; vCPUs run there, and Xen takes the node affinity from that. *)
let per_node = 16

module Toolstack = struct
  type handle = Xenctrl.handle

  let cpus h =
    let of_node (m : Xenctrl.node_memory) =
      (m.node, List.init per_node (fun i -> (m.node * per_node) + i))
    in
    List.map of_node (Xenctrl.node_memory h)

  let set_vcpu_affinity h domid cpus =
    let nodes = List.sort_uniq compare (List.map (fun cpu -> cpu / per_node) cpus) in
    Xenctrl.domain_set_node_affinity h domid nodes

  let debug text = if !verbose then prerr_endline text
end

module Placement =
  Numa_placement.Make
    (struct
      include Claims

      type handle = Xenctrl.handle
    end)
    (Toolstack)

(* What happened, for the last line. *)

let lock = Mutex.create ()

let locked f =
  Mutex.lock lock;
  Fun.protect ~finally:(fun () -> Mutex.unlock lock) f

let counts = Hashtbl.create 8

let count what =
  locked (fun () ->
      Hashtbl.replace counts what (1 + Option.value ~default:0 (Hashtbl.find_opt counts what)))

let running : (Xenctrl.domid * Numa_placement.request) Queue.t = Queue.create ()

exception Wrong of string

let wrong fmt = Printf.ksprintf (fun text -> raise (Wrong text)) fmt

(* How a VM comes to be. *)
type how =
  | Booted
  | Migrated_in  (** populated page by page, as it arrives, with pauses *)
  | Gone_on_with  (** the process that builds it dies on the way, and another goes on *)
  | Killed  (** while it is built *)

(* Populating, by affinity, as libxenguest does: 2 MiB as long as there are any, then 4 KiB; or 4 KiB
   from the start, in batches. It ends with [until] pages missing. *)
let populate ?(until = 0) ?(order = 9) ?(pause = ignore) h domid pages =
  let rec go order left =
    if left <= until then left = 0
    else
      let step = min (left lsr order) (4096 lsr order) in
      if step = 0 then go 0 left
      else
        let given = Building.domain_populate h domid ~order ~extents:step Any in
        let left = left - (given lsl order) in
        pause ();
        if given < step then order > 0 && go 0 left else go order left
  in
  go order pages

(* What a toolstack does that was restarted, and knows the VM and no more. *)
let go_on h domid (request : Numa_placement.request) =
  let is_it (d : Xenctrl.domain_info) = d.domid = domid in
  let { Xenctrl.total_pages; claimed_pages; _ } = List.find is_it (Xenctrl.domain_list h) in
  if not (Placement.go_on h domid request ~has:total_pages) then
    wrong "domain %d has %Ld pages, claims %Ld of %Ld, and is not gone on with" domid total_pages
      claimed_pages request.memory;
  populate h domid (Int64.to_int claimed_pages)

let check_memory h domid claims =
  let of_it (m : Building.Domain_memory.t) =
    if m.domid = domid then Some (m.node, m.pages) else None
  in
  let found = List.filter_map of_it (Building.domain_memory h) in
  let claimed (c : Xenctrl.claim) =
    match Claims.target c with
    | Node n when c.pages <> Option.value ~default:0L (List.assoc_opt n found) ->
        wrong "domain %d claimed %Ld pages of node %d" domid c.pages n
    | Node _ | Host -> ()
  in
  Array.iter claimed claims

let destroy h domid = Building.domain_destroy h domid

(* The oldest that runs makes room. *)
let kill_one h =
  match locked (fun () -> Queue.take_opt running) with
  | Some (domid, _) ->
      destroy h domid;
      count "killed for memory";
      true
  | None -> false

let rec build h random (request : Numa_placement.request) how =
  let domid = Building.domain_create h in
  Building.domain_setmaxmem h domid (Int64.mul 4L request.memory);
  match Placement.numa_placement h domid request with
  | Error { by; _ } ->
      destroy h domid;
      if by > 0L && not (kill_one h) then Thread.delay 0.01;
      count "planned again";
      build h random request how
  | Ok placed ->
      let claims = Xenctrl.domain_claim_memory_get h domid in
      let pages = Int64.to_int request.memory in
      let until () = Random.State.int random pages in
      let complete =
        match how with
        | Booted -> populate h domid pages
        | Migrated_in -> populate h domid pages ~order:0 ~pause:(fun () -> Thread.delay 0.001)
        | Gone_on_with -> populate h domid pages ~until:(until ()) || go_on h domid request
        | Killed -> populate h domid pages ~until:(1 + until ())
      in
      if complete then (
        check_memory h domid claims;
        Placement.after_build h domid;
        Building.domain_unpause h domid;
        count
          (match placed with
          | On [ _ ] -> "on one node"
          | On _ -> "on several nodes"
          | Anywhere -> "anywhere"
          | Unclaimed -> "unclaimed");
        if how = Migrated_in then count "migrated in";
        if how = Gone_on_with then count "gone on with";
        locked (fun () -> Queue.add (domid, request) running))
      else (
        if how <> Killed then wrong "domain %d is incomplete, though all of it was claimed" domid;
        destroy h domid;
        count "killed while it was built")

let reboot h random =
  match locked (fun () -> Queue.take_opt running) with
  | None -> ()
  | Some (domid, request) ->
      destroy h domid;
      build h random request Booted;
      count "rebooted"

let how i = match i mod 10 with 3 -> Migrated_in | 6 -> Gone_on_with | 9 -> Killed | _ -> Booted

let worker h next size () =
  let rec go () =
    let i = Atomic.fetch_and_add next 1 in
    if i < !vms then (
      let random = Random.State.make [| i |] in
      let how = how i in
      (* Page by page takes long. *)
      let size = if how = Migrated_in then min size 262_144 else size in
      let memory = Int64.of_int (512 * (1 + Random.State.int random (size / 512))) in
      let request : Numa_placement.request = { vcpus = 1 + Random.State.int random 20; memory } in
      build h random request how;
      if i mod 4 = 3 then reboot h random;
      go ())
  in
  try go ()
  with exn ->
    locked (fun () ->
        Queue.clear running;
        raise exn)

let () =
  let h = if !on_xen then Building.interface_open () else Model.create "epyc-nps4" in
  let before = Xenctrl.host_memory h in
  let size = Int64.to_int before.free_pages / 12 in
  let next = Atomic.make 0 in
  let failed = Atomic.make 0 in
  let run () =
    try worker h next size ()
    with exn ->
      Atomic.incr failed;
      prerr_endline (Printexc.to_string exn)
  in
  List.iter Thread.join (List.init workers (fun _ -> Thread.create run ()));
  Queue.iter (fun (domid, _) -> destroy h domid) running;
  let claimed = (Xenctrl.host_memory h).outstanding_pages in
  if claimed <> 0L then (
    Atomic.incr failed;
    Printf.eprintf "%Ld pages are claimed in the end\n" claimed);
  let counted = List.sort compare (Hashtbl.fold (fun what n all -> (what, n) :: all) counts []) in
  List.iter (fun (what, n) -> Printf.printf "%4d %s\n" n what) counted;
  Printf.printf "%d passed, %d failed\n" (!vms - Atomic.get failed) (Atomic.get failed);
  exit (min 1 (Atomic.get failed))
