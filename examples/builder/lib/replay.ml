open Xenctrl_claims
open Yojson.Safe.Util

let list_of field f json = List.map f (to_list (member field json))
let pages json = Int64.of_int (to_int json)

let pair f = function
  | `List [ node; amount ] -> f (to_int node) (pages amount)
  | json -> raise (Type_error ("not a node and its pages", json))

let outcome domid : Yojson.Safe.t -> Build.outcome = function
  | `String "built" -> Built domid
  | `Assoc [ ("refused", why) ] ->
      let free = Report.gib (pages (member "free_pages" why)) in
      let reason =
        if to_bool (member "outrun" why) then
          Printf.sprintf "others were always faster (%s were free)" free
        else Printf.sprintf "it could not be claimed (%s were free)" free
      in
      Refused { reason; touched = 0L }
  | `Assoc [ ("failed", what) ] ->
      Failed { reason = "memory ran out"; populated = pages (member "populated" what) }
  | json -> raise (Type_error ("no outcome of a VM", json))

let vm index json : Storm.vm =
  let claim node pages : Xenctrl.claim = { pages; target = Int32.of_int node } in
  let time field = to_number (member field json) in
  let vm : Scenario.vm =
    {
      name = Printf.sprintf "vm-%02d" (index + 1);
      pages = pages (member "pages" json);
      nodes = [];
      at = 0.;
    }
  in
  let build : Build.t =
    {
      vm;
      outcome = outcome (index + 1) (member "outcome" json);
      planned = Array.of_list (list_of "planned" (pair claim) json);
      retries = to_int (member "retries" json);
      started = time "started";
      ended = time "ended";
    }
  in
  { build; memory = list_of "memory" (pair (fun node pages -> (node, pages))) json; up = None }

let node_memory node : Yojson.Safe.t -> Xenctrl.node_memory = function
  | `List [ size; free; claimed ] ->
      { node; size = pages size; free = pages free; claimed = pages claimed }
  | json -> raise (Type_error ("not size, free and claimed", json))

let sample json : Storm.sample =
  {
    time = to_number (member "time" json);
    nodes = List.mapi node_memory (to_list (member "nodes" json));
  }

let storm json : Storm.t =
  let course = member "course" json in
  {
    by = Replayed { how = to_string (member "by" json); claims = to_bool (member "claims" json) };
    seconds = to_number (member "seconds" course);
    vms = List.mapi vm (to_list (member "vms" course));
    samples = list_of "samples" sample course;
    outstanding_pages = 0L;
  }

let report json : Report.t =
  let text field = to_string (member field json) in
  match list_of "storms" storm json with
  | { vms; samples = { nodes; _ } :: _; _ } :: _ as storms ->
      {
        scenario =
          {
            name = text "name";
            about = text "about";
            host = text "host";
            builders = to_int (member "builders" json);
            running = [];
            vms = List.map (fun (vm : Storm.vm) -> vm.build.vm) vms;
          };
        host = text "host";
        seed = to_int (member "seed" json);
        nodes = List.length nodes;
        pages = List.fold_left (fun n (m : Xenctrl.node_memory) -> Int64.add n m.size) 0L nodes;
        storms;
      }
  | _ -> raise (Type_error ("no storm with samples", json))

let read text =
  match report (Yojson.Safe.from_string text) with
  | report -> Ok report
  | exception (Yojson.Json_error reason | Type_error (reason, _)) ->
      Error ("not a storm that was played: " ^ Words.one_line reason)
