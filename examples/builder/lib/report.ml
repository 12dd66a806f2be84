open Xenctrl_claims

type t = {
  scenario : Scenario.t;
  host : string;
  seed : int;
  nodes : int;
  pages : int64;
  storms : Storm.t list;
}

let gib pages =
  let mib = Int64.to_float pages /. 256. in
  if mib >= 1024. then Printf.sprintf "%.1f GiB" (mib /. 1024.) else Printf.sprintf "%.0f MiB" mib

let plural n word = Printf.sprintf "%d %s%s" n word (if n = 1 then "" else "s")

(* Tables: each column is as wide as its widest cell, the last as its own. *)

type align = Left | Right

let table aligns rows =
  let widths =
    List.mapi
      (fun i _ -> List.fold_left (fun w row -> max w (String.length (List.nth row i))) 0 rows)
      aligns
  in
  let cell align width text =
    let fill = String.make (width - String.length text) ' ' in
    match align with Left -> text ^ fill | Right -> fill ^ text
  in
  let rec line aligns widths row =
    match (aligns, widths, row) with
    | [ Left ], _, [ text ] -> [ text ]
    | align :: aligns, width :: widths, text :: row ->
        cell align width text :: line aligns widths row
    | _ -> []
  in
  List.map (fun row -> String.concat "  " (line aligns widths row)) rows

let heading { scenario; host; nodes; pages; _ } =
  let count = List.length scenario.vms in
  Printf.sprintf "%s: %s of %s together, %s at once, on %s (%s, %s)" scenario.name
    (plural count "VM")
    (gib (Scenario.wanted scenario))
    (if scenario.builders = 1 then "1" else string_of_int scenario.builders)
    host (plural nodes "node") (gib pages)

let kind : Storm.by -> string = function
  | Builder Without_claims -> "without claims"
  | Builder Claims_and_affinity -> "claims, affinity"
  | Builder Claims_and_exact_nodes -> "claims, exact nodes"
  | Xl { claims = false } -> "xl as it was"
  | Xl { claims = true } -> "xl with claims"
  | Replayed { how; _ } -> how

(* How long guests took from the start of their builds, where there are guests. *)
let up_rows report =
  let waits ({ vms; _ } : Storm.t) =
    let wait ({ build; up; _ } : Storm.vm) = Option.map (fun up -> up -. build.started) up in
    Array.of_list (List.sort Float.compare (List.filter_map wait vms))
  in
  let row label f =
    let cell storm =
      match waits storm with [||] -> "" | waits -> Printf.sprintf "%.1f" (f waits)
    in
    label :: List.map cell report.storms
  in
  if List.for_all (fun storm -> waits storm = [||]) report.storms then []
  else
    [
      row "seconds from its start until a guest is up, median" (fun w -> w.(Array.length w / 2));
      row "  longest" (fun w -> w.(Array.length w - 1));
    ]

let rows report =
  let summaries = List.map Summary.of_storm report.storms in
  let row label f = label :: List.map f summaries in
  let count label f = row label (fun s -> string_of_int (f s)) in
  let of_count n pages = if n = 0 then "0" else Printf.sprintf "%d (%s)" n (gib pages) in
  let never_again = List.for_all (fun (s : Summary.t) -> s.retries = 0) summaries in
  [
    "" :: List.map (fun (s : Storm.t) -> kind s.by) report.storms;
    row "VMs built" (fun (s : Summary.t) -> of_count s.built s.used_pages);
    count "  on one node, as planned" (fun s -> s.on_one_node);
    count "  on several nodes, as planned" (fun s -> s.as_planned);
    row "  with memory where it was not planned" (fun s -> of_count s.strayed s.stray_pages);
    count "refused before any memory was touched" (fun s -> s.refused);
    row "failed late, populated for nothing" (fun s -> of_count s.failed s.wasted_pages);
  ]
  @ (if never_again then []
     else [ count "plans made again, another was faster" (fun s -> s.retries) ])
  @ [ row "seconds until the last was done" (fun s -> Printf.sprintf "%.1f" s.seconds) ]
  @ up_rows report

let on_nodes memory =
  let part (node, pages) = Printf.sprintf "node %d: %s" node (gib pages) in
  String.concat ", " (List.map part memory)

(* Time is not simulated there. *)
let at_of_xl by (vm : Storm.vm) =
  match by with
  | Storm.Builder _ | Replayed _ -> ""
  | Xl _ -> Printf.sprintf "; at %.1f s" vm.build.ended

let vm_line by (vm : Storm.vm) =
  match vm.build.outcome with
  | Refused { reason; _ } -> "refused: " ^ reason ^ at_of_xl by vm
  | Failed { populated; _ } ->
      Printf.sprintf "failed after %s were populated" (gib populated) ^ at_of_xl by vm
  | Built _ ->
      let stray = Summary.stray vm in
      let up = Option.fold ~none:"" ~some:(Printf.sprintf "; up at %.1f s") vm.up in
      on_nodes vm.memory
      ^ (if stray > 0L then Printf.sprintf "; %s not as planned" (gib stray) else "")
      ^ up

let vms { storms; _ } =
  let of_storm (storm : Storm.t) =
    let row (vm : Storm.vm) =
      let name = vm.build.vm.name and wanted = gib vm.build.vm.pages in
      [ name; wanted; vm_line storm.by vm ]
    in
    let header = [ "VM"; "memory"; kind storm.by ] in
    table [ Left; Right; Left ] (header :: List.map row storm.vms)
  in
  String.concat "\n\n" (List.map (fun s -> String.concat "\n" (of_storm s)) storms) ^ "\n"

let to_string report =
  let aligns = Left :: List.map (fun _ -> Right) report.storms in
  String.concat "\n" ((heading report :: "" :: table aligns (rows report)) @ [ "" ])

(* JSON *)

let int64 n = `Int (Int64.to_int n)

let by_node memory =
  `Assoc (List.map (fun (node, pages) -> (string_of_int node, int64 pages)) memory)

let claims_json set =
  let claim (c : Xenctrl.claim) =
    ((if c.target = -1l then "host" else Int32.to_string c.target), int64 c.pages)
  in
  `Assoc (List.map claim (Array.to_list set))

let vm_json ({ build; memory; up } : Storm.vm) =
  let outcome, more =
    match build.outcome with
    | Built _ -> ("built", [])
    | Refused { reason; touched } ->
        ("refused", [ ("reason", `String reason); ("populated", int64 touched) ])
    | Failed { reason; populated } ->
        ("failed", [ ("reason", `String reason); ("populated", int64 populated) ])
  in
  `Assoc
    ([
       ("name", `String build.vm.name);
       ("pages", int64 build.vm.pages);
       ("outcome", `String outcome);
       ("planned", claims_json build.planned);
       ("memory", by_node memory);
       ("retries", `Int build.retries);
       ("started", `Float build.started);
       ("ended", `Float build.ended);
     ]
    @ Option.fold ~none:[] ~some:(fun seconds -> [ ("up", `Float seconds) ]) up
    @ more)

let storm_json (storm : Storm.t) =
  let s = Summary.of_storm storm in
  let broken = List.map (fun line -> `String line) (Summary.broken_promises storm) in
  `Assoc
    [
      ( "claims",
        `Bool
          (match storm.by with
          | Builder Without_claims | Xl { claims = false } | Replayed { claims = false; _ } -> false
          | Builder (Claims_and_affinity | Claims_and_exact_nodes)
          | Xl { claims = true }
          | Replayed { claims = true; _ } ->
              true) );
      ( "builder",
        `String
          (match storm.by with
          | Builder (Without_claims | Claims_and_affinity) -> "affinity"
          | Builder Claims_and_exact_nodes -> "exact"
          | Xl _ -> "xl"
          | Replayed { how; _ } -> how) );
      ("built", `Int s.built);
      ("on_one_node", `Int s.on_one_node);
      ("as_planned", `Int s.as_planned);
      ("strayed", `Int s.strayed);
      ("refused", `Int s.refused);
      ("late_refused", `Int s.late_refused);
      ("failed", `Int s.failed);
      ("wasted_pages", int64 s.wasted_pages);
      ("stray_pages", int64 s.stray_pages);
      ("used_pages", int64 s.used_pages);
      ("retries", `Int s.retries);
      ("seconds", `Float s.seconds);
      ("broken_promises", `List broken);
      ("vms", `List (List.map vm_json storm.vms));
    ]

let to_json report =
  `Assoc
    [
      ("scenario", `String report.scenario.name);
      ("host", `String report.host);
      ("nodes", `Int report.nodes);
      ("pages", int64 report.pages);
      ("seed", `Int report.seed);
      ("storms", `List (List.map storm_json report.storms));
    ]
