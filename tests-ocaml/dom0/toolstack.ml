(* What Claims does with a Xen, over any binding: on a domain without memory that may have 1 GiB, on a host
   where nothing else happens. *)

open Claim_sets

exception Failed of string

let passed = ref 0
let failed = ref 0

let case name f =
  match f () with
  | () ->
      incr passed;
      Printf.printf "PASS %s\n%!" name
  | exception exn ->
      incr failed;
      let why = match exn with Failed why -> why | exn -> Printexc.to_string exn in
      Printf.printf "FAIL %s: %s\n%!" name why

let fail fmt = Printf.ksprintf (fun why -> raise (Failed why)) fmt

module Run (C : Claims.S) = struct
  let error : Claims.lack Claims.error -> string = Format.asprintf "%a" Claims.pp_error
  let done_ = function Ok value -> value | Error e -> fail "%s" (error e)

  let refused name right = function
    | Ok _ -> fail "%s: it was not refused" name
    | Error e when right e -> ()
    | Error e -> fail "%s: %s" name (error e)

  let show claims =
    let one (c : Claims.claim) = Printf.sprintf "%ld=%Ld" c.target c.pages in
    String.concat " " (List.map one (Array.to_list claims))

  (* GET, by what it comes to: only those who claim have claims. *)
  let expect h domid wanted =
    let is_it (holder : Claims.holder) = holder.domid = domid in
    let found =
      match List.find_opt is_it (done_ (C.holders h)) with
      | Some { claims; _ } -> claims
      | None -> [||]
    in
    if found <> wanted then fail "it claims %s, not %s" (show found) (show wanted)

  let run h domid =
    let install set = C.install h domid set in
    let nodes = (done_ (C.look h)).nodes in
    let first = List.hd nodes and last = List.nth nodes (List.length nodes - 1) in
    let on (node : Claims.node) = Claims.on (Node node.node) in
    case "a set on all nodes" (fun () ->
        let set =
          Array.of_list
            (Claims.on Host 70L :: List.mapi (fun i n -> on n (Int64.of_int (i + 1))) nodes)
        in
        done_ (install set);
        expect h domid set);
    case "its own claims are claimable" (fun () ->
        done_ (install [| on last 1000L |]);
        let find (host : Claims.host) =
          List.find (fun (n : Claims.node) -> n.node = last.node) host.nodes
        in
        let mine = (find (done_ (C.look ~domid h))).claimable in
        let others = (find (done_ (C.look h))).claimable in
        (* Free counts move a little by themselves. *)
        if Int64.abs (Int64.sub (Int64.sub mine others) 1000L) > 500L then
          fail "%Ld for it, %Ld for others" mine others);
    case "which node is short" (fun () ->
        refused "more than the node has"
          (function
            | `Not_enough_memory ({ where; _ } : Claims.shortage) -> where = Node first.node
            | _ -> false)
          (install [| on first Int64.max_int |]);
        expect h domid [| on last 1000L |]);
    case "over its maximum" (fun () ->
        refused "1 GiB and a page"
          (function
            | `Over_max_memory ({ wanted; total_pages; max_pages } : Claims.over) ->
                (wanted, total_pages, max_pages) = (262_145L, 0L, 262_144L)
            | _ -> false)
          (install [| Claims.on Host 262_145L |]));
    case "no such node" (fun () ->
        refused "node 63" (fun e -> e = `No_such_node 63) (install [| Claims.on (Node 63) 1L |]));
    case "no such domain" (fun () ->
        refused "32751"
          (fun e -> e = `No_such_domain 32_751)
          (C.install h 32_751 [| Claims.on Host 1L |]));
    case "a planner is told what was short, and asked again" (fun () ->
        let planner (host : Claims.host) =
          match host.short with
          | None -> Ok [| on first Int64.max_int |]
          | Some (`Not_enough_memory { where = Node n; _ }) when n = first.node ->
              Ok [| on last 5L; Claims.on Host 7L |]
          | Some _ -> Error { Claims.wanted = 0L; by = 0L }
        in
        let { Claims.retries; _ } = done_ (C.claim h domid planner) in
        if retries <> 1 then fail "%d retries" retries;
        expect h domid [| Claims.on Host 7L; on last 5L |]);
    case "a plan" (fun () ->
        let { Claims.claims; _ } =
          done_ (C.claim_with_plan h domid ~pages:1024L (Only [ last.node ]))
        in
        expect h domid claims;
        if claims <> [| on last 1024L |] then fail "planned %s" (show claims));
    case "release" (fun () ->
        done_ (C.release h domid);
        expect h domid [||]);
    Printf.printf "%d passed, %d failed\n" !passed !failed;
    exit (min 1 !failed)
end
