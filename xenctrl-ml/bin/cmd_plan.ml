open Cmdliner
open Xenctrl_claims

let ( let* ) = Result.bind

let plan json pages policy near host_claim xc =
  let* host = Result.fold ~ok:Result.ok ~error:(Refusal.error ?domid:None) (Claims.look xc) in
  let named =
    match policy with
    | Claims.Prefer nodes | Only nodes | Evenly nodes -> nodes
    | Single | Pack | Interleave -> []
  in
  let is_missing node = not (List.exists (fun (n : Claims.node) -> n.node = node) host.nodes) in
  let* () =
    match List.find_opt is_missing (Option.to_list near @ named) with
    | Some node -> Refusal.error (`No_such_node node)
    | None -> Ok ()
  in
  match Claims.plan ?near ~host_claim host ~pages policy with
  | Error reason -> Refusal.error (`Unplanned { reason; holders = [] })
  | Ok claims ->
      let claims = Claim_set.nodes_first (Array.to_list claims) in
      print_string
        (if json then Shape.to_string (Shape.plan ~pages claims)
         else Claim_set.to_string claims ^ "\n");
      Ok ()

(* What a plan can be made for. *)
let max_pages = Int64.shift_left 1L 52

let size =
  let parse text =
    match Size.of_string text with
    | Ok 0L -> Error (`Msg (Printf.sprintf "'%s' is nothing to plan" text))
    | Ok pages when Int64.compare pages max_pages > 0 ->
        Error (`Msg (Printf.sprintf "'%s' is more than any host has, which is 16777216T" text))
    | size -> Result.map_error (fun reason -> `Msg reason) size
  in
  Arg.conv ~docv:"SIZE" (parse, fun ppf pages -> Format.pp_print_string ppf (Size.to_string pages))

let policy : Claims.policy Arg.conv =
  let parse text : (Claims.policy, _) result =
    let nodes list =
      let nodes = List.map Claim_set.node (String.split_on_char ',' list) in
      if List.mem None nodes then None else Some (List.filter_map Fun.id nodes)
    in
    let policy : Claims.policy option =
      match String.split_on_char ':' text with
      | [ "single" ] -> Some Single
      | [ "pack" ] -> Some Pack
      | [ "interleave" ] -> Some Interleave
      | [ "prefer"; list ] -> Option.map (fun nodes : Claims.policy -> Prefer nodes) (nodes list)
      | [ "only"; list ] -> Option.map (fun nodes : Claims.policy -> Only nodes) (nodes list)
      | [ "evenly"; list ] -> Option.map (fun nodes : Claims.policy -> Evenly nodes) (nodes list)
      | _ -> None
    in
    Option.to_result policy
      ~none:
        (`Msg
           (Printf.sprintf
              "'%s' is no policy: use single, pack, interleave, or prefer:NODES as in prefer:0,1, \
               only:NODES, evenly:NODES"
              text))
  in
  let list nodes = String.concat "," (List.map string_of_int nodes) in
  let print ppf (policy : Claims.policy) =
    Format.pp_print_string ppf
      (match policy with
      | Single -> "single"
      | Pack -> "pack"
      | Interleave -> "interleave"
      | Prefer nodes -> "prefer:" ^ list nodes
      | Only nodes -> "only:" ^ list nodes
      | Evenly nodes -> "evenly:" ^ list nodes)
  in
  Arg.conv ~docv:"POLICY" (parse, print)

let node =
  let parse text =
    Claim_set.node text
    |> Option.to_result ~none:(`Msg (Printf.sprintf "'%s' is no node in 0..63" text))
  in
  Arg.conv ~docv:"NODE" (parse, Format.pp_print_int)

let cmd =
  let doc = "find nodes for a domain of some size" in
  let man =
    [
      `S Manpage.s_description;
      `P
        "Prints a claim set of that size which the host could be given now, as $(b,xen-claims set) \
         takes it. Nothing is claimed: another builder may be faster.";
      `S "POLICIES";
      `I ("$(b,single)", "One node: of those that have enough, the one that has least left then.");
      `I ("$(b,pack)", "As few nodes as can be; of these, those nearest to each other.");
      `I ("$(b,interleave)", "All nodes that have memory, evenly.");
      `I
        ( "$(b,prefer:)NODES",
          "Nodes of that list, as 0,1. Only what they do not have is taken from others, the \
           nearest to them." );
      `I ("$(b,only:)NODES", "As few of these nodes as can be, and no others.");
      `I ("$(b,evenly:)NODES", "All of these nodes, evenly, and no others.");
      `S Manpage.s_examples;
      `Pre "xen-claims plan 12G --policy pack --vcpus-node 1";
    ]
  in
  let size =
    let doc = "How much memory, as in 12G." in
    Arg.(required & pos 0 (some size) None & info [] ~docv:"SIZE" ~doc)
  in
  let policy =
    let doc = "Which nodes to take, see $(b,POLICIES)." in
    Arg.(value & opt policy Pack & info [ "policy" ] ~docv:"POLICY" ~doc)
  in
  let near =
    let doc = "Of nodes that are equally good, take those nearest to this one." in
    Arg.(value & opt (some node) None & info [ "vcpus-node" ] ~docv:"NODE" ~doc)
  in
  let host_claim =
    let doc = "Claim host-wide what the nodes of the policy do not have." in
    Arg.(value & flag & info [ "host-claim" ] ~doc)
  in
  Common.command "plan" ~doc ~man
    Term.(
      const (fun json size policy near host_claim -> Ok (plan json size policy near host_claim))
      $ Common.json $ size $ policy $ near $ host_claim)
