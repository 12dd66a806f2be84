(* Draws docs/storm.svg: four VMs that are built at once on a host of 2 nodes, without claims and with
   them. What it shows happened, in an embedded hypervisor; its builders take turns, 1 GiB each. *)

open Xenctrl_claims
open Xenctrl_claims_testing

let host = "2x16"
let nodes = [ 0; 1 ]
let node_gib = 16
let requests = [ ("A", 10); ("B", 10); ("C", 6); ("D", 12) ]
let pages gib = Int64.shift_left (Int64.of_int gib) 18
let gib pages = Int64.to_int (Int64.shift_right pages 18)

type vm = {
  name : string;
  size : int;
  domid : Xenctrl.domid;
  on : int;  (** The node it was planned for. *)
  has : int array;  (** What it has on each node. *)
  mutable died_with : int option;  (** What it had when there was no more. *)
}

let total vm = Array.fold_left ( + ) 0 vm.has
let is_built vm = total vm = vm.size

let memory xc node =
  List.find (fun (m : Xenctrl.node_memory) -> m.node = node) (Xenctrl.node_memory xc)

let free xc node = gib (memory xc node).free
let claimable xc node = gib (Int64.sub (memory xc node).free (memory xc node).claimed)

let create xc (name, size) on =
  let domid = Building.domain_create xc in
  Building.domain_setmaxmem xc domid (Int64.mul 4L (pages size));
  { name; size; domid; on; has = Array.make (List.length nodes) 0; died_with = None }

(* The first node that has enough. *)
let plan ~claimable size = List.find_opt (fun node -> claimable node >= size) nodes

(* A builder that was refused looks again. *)
let rec create_with_claim xc ~claimable:seen ((_, size) as request) =
  Option.bind (plan ~claimable:seen size) @@ fun on ->
  let vm = create xc request on in
  match
    Xenctrl.domain_claim_memory xc vm.domid [| { pages = pages size; target = Int32.of_int on } |]
  with
  | () -> Some vm
  | exception Unix.Unix_error (ENOMEM, _, _) ->
      Building.domain_destroy xc vm.domid;
      create_with_claim xc ~claimable:(claimable xc) request

let populate xc vm =
  if vm.died_with = None && not (is_built vm) then
    let before = List.map (free xc) nodes in
    if Building.domain_populate xc vm.domid ~order:18 ~extents:1 (Prefer vm.on) = 1 then
      List.iter2
        (fun node free_before -> vm.has.(node) <- vm.has.(node) + free_before - free xc node)
        nodes before
    else (
      vm.died_with <- Some (total vm);
      Array.fill vm.has 0 (Array.length vm.has) 0;
      Building.domain_destroy xc vm.domid)

type storm = {
  vms : vm list;
  refused : string list;
  rounds : (string * int array * int array) list list;
      (** After each round, of each VM: what it has and what it claims, by node. *)
}

let storm ~claims =
  let xc = Model.create host in
  (* All of them look before the first of them does anything. *)
  let seen = List.map (fun node -> (node, claimable xc node)) nodes in
  let claimable node = List.assoc node seen in
  let start ((_, size) as request) =
    if claims then create_with_claim xc ~claimable request
    else Option.map (create xc request) (plan ~claimable size)
  in
  let started = List.map (fun ((name, _) as request) -> (name, start request)) requests in
  let vms = List.filter_map snd started in
  let refused = List.filter_map (fun (name, vm) -> if vm = None then Some name else None) started in
  let claimed vm =
    let by_node = Array.make (List.length nodes) 0 in
    if vm.died_with = None then
      Array.iter
        (fun { Xenctrl.pages; target } -> by_node.(Int32.to_int target) <- gib pages)
        (Xenctrl.domain_claim_memory_get xc vm.domid);
    by_node
  in
  let snapshot () = List.map (fun vm -> (vm.name, Array.copy vm.has, claimed vm)) vms in
  let rec run rounds =
    if List.for_all (fun vm -> vm.died_with <> None || is_built vm) vms then List.rev rounds
    else (
      List.iter (populate xc) vms;
      run (snapshot () :: rounds))
  in
  { vms; refused; rounds = run [ snapshot () ] }

let names = function [] -> "none" | names -> String.concat ", " names

let outcome { vms; refused; _ } =
  let built = List.filter is_built vms in
  let spread vm = Array.for_all (fun gib -> gib > 0) vm.has in
  let name vm = vm.name in
  let died vm = Option.map (Printf.sprintf "%s, after %d GiB" vm.name) vm.died_with in
  [
    "on one node: " ^ names (List.map name (List.filter (fun vm -> not (spread vm)) built));
    "spread over nodes: " ^ names (List.map name (List.filter spread built));
    "refused before it began: " ^ names refused;
    "died while it was built: " ^ names (List.filter_map died vms);
  ]

(* Drawing *)

let px_gib = 8
let px_round = 28
let margin = 64
let height = px_gib * node_gib

let text ?(style = "") ~x ~y line =
  Printf.printf "<text class=\"%s\" x=\"%d\" y=\"%d\">%s</text>\n" style x y line

let rect style ~x ~y ~width ~height =
  Printf.printf "<rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\"/>\n" style x y
    width height

(* What VMs have on a node, from the bottom up, and on top of that what they claim there: name, style,
   GiB, and the GiB below. *)
let stack node round =
  let add style select start =
    List.fold_left
      (fun (base, bands) ((name, _, _) as vm) ->
        let gib = (select vm : int array).(node) in
        (base + gib, (name, style, gib, base) :: bands))
      start round
  in
  (0, [])
  |> add "has" (fun (_, has, _) -> has)
  |> add "claims" (fun (_, _, claims) -> claims)
  |> snd |> List.rev

(* The band at one place of each round's stack. While it stays the same it is one rectangle, and it
   is named in the last one. *)
let rec draw_band ~x ~y = function
  | [] -> ()
  | ((name, style, gib, base) as band) :: _ as bands ->
      let rec after n = function
        | next :: rest when next = band -> after (n + 1) rest
        | rest -> (n, rest)
      in
      let rounds, rest = after 0 bands in
      let top = y + height - ((base + gib) * px_gib) in
      let width = rounds * px_round in
      if gib > 0 then (
        rect (name ^ " " ^ style) ~x ~y:top ~width ~height:(gib * px_gib);
        if style = "has" && List.for_all (fun (_, _, gib, _) -> gib = 0) rest then
          text ~style:"name" ~x:(x + width - 19) ~y:(top + (gib * px_gib / 2) + 5) name);
      draw_band ~x:(x + width) ~y rest

let draw_node { rounds; _ } ~x ~y node =
  let stacks = List.map (stack node) rounds in
  List.iteri
    (fun i _ -> draw_band ~x ~y (List.map (fun stack -> List.nth stack i) stacks))
    (List.hd stacks);
  rect "frame" ~x ~y ~width:(px_round * List.length rounds) ~height

let draw title storm ~x =
  text ~style:"title" ~x:(x + margin) ~y:20 title;
  List.iter
    (fun node ->
      let y = 34 + (node * (height + 14)) in
      text ~x ~y:(y + 16) (Printf.sprintf "node %d" node);
      text ~style:"small" ~x ~y:(y + 32) (Printf.sprintf "%d GiB" node_gib);
      draw_node storm ~x:(x + margin) ~y node)
    nodes;
  let y = 34 + (List.length nodes * (height + 14)) in
  text ~style:"small" ~x:(x + margin) ~y:(y + 2) "time &#8594;";
  List.iteri (fun i line -> text ~x:(x + margin) ~y:(y + 26 + (i * 19)) line) (outcome storm)

let style =
  {|<style>
text { font: 14px sans-serif; fill: #1f2328 } .title { font-weight: bold } .small { font-size: 12px }
.name { font-weight: bold; fill: #fff }
.frame { fill: none; stroke: #6e7781 } .claims { fill-opacity: .3 }
.A { fill: #3572b0 } .B { fill: #b35900 } .C { fill: #2f8132 } .D { fill: #b3313a }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } }
</style>|}

let () =
  let without = storm ~claims:false and with_claims = storm ~claims:true in
  let panel { rounds; _ } = margin + (px_round * List.length rounds) in
  let right = panel without + 24 in
  let width = right + panel with_claims + 2 in
  Printf.printf
    "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d 430\" width=\"%d\" role=\"img\">\n"
    width width;
  print_endline
    "<title>Four VMs built at once on a host of 2 nodes, without claims and with them</title>";
  print_endline style;
  draw "without claims" without ~x:0;
  draw "with a claim set for each VM" with_claims ~x:right;
  let sizes = List.map (fun (name, gib) -> Printf.sprintf "%s %d" name gib) requests in
  text ~style:"small" ~x:margin ~y:424
    (Printf.sprintf "VMs in GiB: %s. Dark: what a VM has. Light: what it claims."
       (String.concat ", " sizes));
  print_endline "</svg>"
