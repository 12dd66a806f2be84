open Builder_lib

let host amounts = List.mapi (fun id claimable_mib : Plan.node -> { id; claimable_mib }) amounts
let total parts = List.fold_left (fun sum (part : Plan.part) -> sum + part.mib) 0 parts

let cases () =
  let check name amounts mib preferred expected =
    let got =
      Plan.make (host amounts) ~mib ~preferred
      |> Option.map (fun ({ parts; preference } : Plan.t) ->
             (List.map (fun (part : Plan.part) -> (part.node, part.mib)) parts, preference))
    in
    Alcotest.(check bool) name true (got = expected)
  in
  check "the emptiest" [ 4; 9; 8 ] 3 [] (Some ([ (1, 3) ], Unasked));
  check "the lowest of equals" [ 4; 9; 9 ] 3 [] (Some ([ (1, 3) ], Unasked));
  check "over the emptiest" [ 4; 9; 8 ] 11 [] (Some ([ (1, 9); (2, 2) ], Unasked));
  check "all there is" [ 4; 0; 8 ] 12 [] (Some ([ (0, 4); (2, 8) ], Unasked));
  check "short" [ 4; 0; 8 ] 13 [] None;
  check "no nodes" [] 1 [] None;
  check "on the preferred" [ 4; 9; 8 ] 3 [ 0 ] (Some ([ (0, 3) ], Honoured));
  check "over the preferred" [ 4; 9; 3 ] 7 [ 2; 0 ] (Some ([ (0, 4); (2, 3) ], Honoured));
  check "preferred are full" [ 4; 9; 3 ] 8 [ 2; 0 ] (Some ([ (1, 8) ], Full 7));
  check "preferred are full, short" [ 4; 9; 3 ] 17 [ 2; 0 ] None

let property =
  let gen =
    QCheck2.Gen.(
      let amount = oneof [ return 0; 1 -- 8; 1 -- 100_000 ] in
      triple (list_size (0 -- 64) amount) (1 -- 200_000) (list_size (0 -- 5) (0 -- 63)))
  in
  QCheck2.Test.make ~count:5000 ~name:"exact, within what is claimable, preference honoured" gen
    (fun (amounts, mib, preferred) ->
      let nodes = host amounts in
      let claimable ids =
        List.filter (fun (node : Plan.node) -> ids node.id) nodes
        |> List.fold_left (fun sum (node : Plan.node) -> sum + node.claimable_mib) 0
      in
      let is_preferred id = List.mem id preferred in
      match Plan.make nodes ~mib ~preferred with
      | None -> claimable (fun _ -> true) < mib
      | Some { parts; preference } ->
          let ids = List.map (fun (part : Plan.part) -> part.node) parts in
          total parts = mib
          && ids = List.sort_uniq Int.compare ids
          && List.for_all
               (fun (part : Plan.part) -> 0 < part.mib && part.mib <= claimable (( = ) part.node))
               parts
          && (preference
             =
             if preferred = [] then Plan.Unasked
             else if claimable is_preferred >= mib then Honoured
             else Full (claimable is_preferred))
          && (preference <> Honoured || List.for_all is_preferred ids)
          (* Over several only if no single one of those considered would do. *)
          && (List.length parts = 1
             || not
                  (List.exists
                     (fun (node : Plan.node) ->
                       node.claimable_mib >= mib && (preference <> Honoured || is_preferred node.id))
                     nodes)))

let tests = [ Alcotest.test_case "cases" `Quick cases; QCheck_alcotest.to_alcotest property ]
