open Xenctrl_claims
open Xenctrl_claims_testing

let variable = "XEN_CLAIMS_TEST_HOST"

let on_xen =
  match Sys.getenv_opt variable with
  | None | Some "embedded" -> false
  | Some "xen" -> true
  | Some other -> failwith (Printf.sprintf "%s is '%s', not 'embedded' or 'xen'" variable other)

let slack = if on_xen then 200L else 0L

(* An emulated host takes about a millisecond for a hypercall. *)
let rounds count = if on_xen then max 10 (count / 200) else count

let open_ ?(nodes = 4) () =
  if on_xen then Building.interface_open () else Model.create (Printf.sprintf "%dx1" nodes)

(* Domains of a Xen outlive the handle. *)

let made = ref []
let lock = Mutex.create ()

let new_domain h =
  let d = Building.domain_create h in
  if on_xen then (
    Mutex.lock lock;
    made := d :: !made;
    Mutex.unlock lock);
  d

let destroy_all h =
  let left = List.map (fun (d : Xenctrl.domain_info) -> d.domid) (Xenctrl.domain_list h) in
  List.iter (fun d -> if List.mem d !made then Building.domain_destroy h d) left;
  made := []

let rec settles tries condition =
  condition ()
  || tries > 0
     &&
     (Unix.sleepf 0.05;
      settles (tries - 1) condition)

(* A test, and then a host as it was before. *)
let cleanly test () =
  let h = Building.interface_open () in
  Fun.protect ~finally:(fun () -> Xenctrl.interface_close h) @@ fun () ->
  let before = Xenctrl.host_memory h in
  (try test ()
   with e ->
     let trace = Printexc.get_raw_backtrace () in
     destroy_all h;
     Printexc.raise_with_backtrace e trace);
  destroy_all h;
  let is_back () =
    let now = Xenctrl.host_memory h in
    now.outstanding_pages = before.outstanding_pages
    && Int64.add now.free_pages slack >= before.free_pages
  in
  if not (settles 100 is_back) then
    let now = Xenctrl.host_memory h in
    Alcotest.failf "not all is back: %Ld pages are free and %Ld claimed, %Ld and %Ld were before"
      now.free_pages now.outstanding_pages before.free_pages before.outstanding_pages

(* What a test needs *)

type need = Embedded of string | Nodes of int

let nodes_of_xen = lazy (Xenctrl.with_intf (fun h -> List.length (Xenctrl.node_memory h)))

let lacks = function
  | Some (Embedded why) when on_xen -> Some ("needs an embedded hypervisor, " ^ why)
  | Some (Nodes wanted) when on_xen && Lazy.force nodes_of_xen < wanted ->
      Some (Printf.sprintf "needs %d nodes, this host has %d" wanted (Lazy.force nodes_of_xen))
  | _ -> None

let case ?need name test =
  match lacks need with
  | Some reason -> Alcotest.test_case (Printf.sprintf "%s: %s" name reason) `Quick Alcotest.skip
  | None -> Alcotest.test_case name `Quick (if on_xen then cleanly test else test)
