(* What the tests of xl are made of: guests, others that have or claim memory, and rules. *)

open Xenctrl_claims
open Xenctrl_claims_testing
open Builder_lib

exception Broken of string
(** What should be so, and is not. What else is raised is no finding of a test, but its failure. *)

let rule what holds = if not holds then raise (Broken what)

(* How long a guest may take until it is up, or goes on: it has a fraction of an emulated processor. *)
let patience = 180.
let xc = lazy (Building.interface_open ())
let pages mib = Int64.of_int (mib * 256)

let wait_until ?(each = 0.2) what holds =
  let until = Unix.gettimeofday () +. patience in
  while not (holds ()) do
    if Unix.gettimeofday () > until then failwith ("waited too long: " ^ what);
    Unix.sleepf each
  done

(* Guests *)

let guest ?(lines = []) name mib = { Xl.name; mib; lines }
let paused arguments = arguments @ [ "-p" ]
let ticking = {|cmdline = "console=hvc0 quiet ticking"|}
let info guest = Xl.domain (Lazy.force xc) guest

let must (ended : Xl.ended) =
  if ended.status <> 0 then failwith (Printf.sprintf "xl ended with %d: %s" ended.status ended.said)

let built tools guest = must (Xl.run tools (paused (Xl.create guest)))

let booted tools guest =
  must (Xl.run tools (Xl.create guest));
  wait_until (guest.name ^ " comes up") (fun () -> Xl.said_up guest)

let goes_on guest =
  let before = Xl.ticks guest in
  wait_until (guest.name ^ " goes on") (fun () -> Xl.ticks guest > before + 1)

let memory guest =
  let all = Building.domain_memory (Lazy.force xc) in
  match info guest with
  | None -> []
  | Some { domid; _ } ->
      let of_it (m : Building.Domain_memory.t) =
        if m.domid = domid then Some (m.node, m.pages) else None
      in
      List.filter_map of_it all

let on_node guest node = Option.value ~default:0L (List.assoc_opt node (memory guest))

(** All its memory is on nodes where libxl placed it. *)
let is_where_it_was_placed tools (guest : Xl.guest) =
  match List.assoc_opt guest.name (Xl.placement tools) with
  | None -> raise (Broken (guest.name ^ " is not listed"))
  | Some None -> ()
  | Some (Some nodes) ->
      let astray = List.filter (fun (node, _) -> not (List.mem node nodes)) (memory guest) in
      let say (node, pages) =
        Printf.sprintf "%s has %Ld pages on node %d, where it was not placed" guest.name pages node
      in
      rule (String.concat "; " (List.map say astray)) (astray = [])

let claimed_by guest =
  match info guest with Some { claimed_pages; _ } -> claimed_pages | None -> 0L

let host_claims () = (Xenctrl.host_memory (Lazy.force xc)).outstanding_pages

(** Runs [f]; and destroys the guests, whatever comes of it. *)
let with_guests tools guests f =
  let finally () = List.iter (Xl.destroy (Lazy.force xc) tools) guests in
  Fun.protect ~finally f

type most = { had : int64; claimed : int64 }

(** Runs [f], and what the guest had and claimed at most meanwhile. *)
let watching guest f =
  let most = ref { had = 0L; claimed = 0L } and over = Atomic.make false in
  let look () =
    match info guest with
    | None -> ()
    | Some { total_pages; claimed_pages; _ } ->
        let { had; claimed } = !most in
        most := { had = Int64.max had total_pages; claimed = Int64.max claimed claimed_pages }
  in
  let rec watch () =
    if not (Atomic.get over) then (
      look ();
      Unix.sleepf 0.005;
      watch ())
  in
  let watcher = Thread.create watch () in
  let stop () =
    Atomic.set over true;
    Thread.join watcher
  in
  let result = Fun.protect ~finally:stop f in
  (result, !most)

(* Others *)

let claimable () =
  let of_node (m : Xenctrl.node_memory) = (m.node, Int64.sub m.free m.claimed) in
  List.map of_node (Xenctrl.node_memory (Lazy.force xc))

(** A domain that takes all of each node but [leave node] MiB: what it takes. *)
let other leave =
  let xc = Lazy.force xc in
  let domid = Building.domain_create xc in
  Building.domain_setmaxmem xc domid (Int64.shift_left 1L 34);
  let take (node, pages_there) =
    let pages = Int64.sub pages_there (pages (leave node)) in
    if pages <= 0L then failwith (Printf.sprintf "node %d has not %d MiB" node (leave node));
    { Xenctrl.pages; target = Int32.of_int node }
  in
  (domid, Array.of_list (List.map take (claimable ())))

let with_other leave f =
  let domid, set = other leave in
  let finally () =
    Building.domain_destroy (Lazy.force xc) domid;
    let is_it (info : Xenctrl.domain_info) = info.domid = domid in
    wait_until "another domain is gone" (fun () ->
        not (List.exists is_it (Xenctrl.domain_list (Lazy.force xc))))
  in
  Fun.protect ~finally (fun () -> f domid set)

(** Gives a domain exactly these pages; whether there were that many. *)
let populate domid ({ pages; target } : Xenctrl.claim) =
  let give order extents =
    let node = Building.Exact (Int32.to_int target) in
    Building.domain_populate (Lazy.force xc) domid ~order ~extents node
  in
  let wanted = Int64.to_int pages in
  let large = give 9 (wanted / 512) in
  let rest = wanted - (large * 512) in
  give 0 rest = rest

(** Runs [f] while another domain claims all but [leave node] MiB of each node, and keeps that. *)
let while_claimed leave f =
  with_other leave @@ fun domid set ->
  Xenctrl.domain_claim_memory (Lazy.force xc) domid set;
  f ();
  let left = Xenctrl.domain_claim_memory_get (Lazy.force xc) domid in
  rule "another domain has its claims still" (left = set);
  rule "and gets what it claims" (Array.for_all (populate domid) set)

(** The same while another domain has that memory. *)
let while_taken leave f =
  with_other leave @@ fun domid set ->
  if not (Array.for_all (populate domid) set) then failwith "no memory for another domain";
  f ()

(** Runs [f] with this [xl.conf]. *)
let with_conf text f =
  let write text =
    Out_channel.with_open_bin "/etc/xen/xl.conf" (fun out -> output_string out text)
  in
  write text;
  Fun.protect ~finally:(fun () -> write "") f
