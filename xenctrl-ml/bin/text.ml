open Xenctrl_claims

let bar_width = 30

let bar style ~used ~claimed ~claimable =
  Table.bar style ~width:bar_width
    [ ('#', "34", used); ('+', "33", claimed); ('.', "2", claimable) ]

let sum amount nodes = List.fold_left (fun n node -> Int64.add n (amount node)) 0L nodes

let nodes style (reading : Reading.nodes) =
  let row name size free claimed claimable =
    let used = Int64.max 0L (Int64.sub size free) in
    let bar =
      match style with
      | Table.Plain -> []
      | Terminal _ -> [ bar style ~used ~claimed:(Int64.sub free claimable) ~claimable ]
    in
    (name :: List.map Size.rough [ size; free; claimed; claimable ]) @ bar
  in
  let node (n : Xenctrl.node_memory) =
    row (string_of_int n.node) n.size n.free n.claimed (Reading.claimable_of_node n)
  in
  let size = sum (fun (n : Xenctrl.node_memory) -> n.size) reading.nodes in
  let { free_pages; outstanding_pages } : Xenctrl.host_memory = reading.host in
  let host = row "host" size free_pages outstanding_pages (Reading.claimable reading) in
  let head =
    List.map (fun name -> (Table.Right, name)) [ "node"; "size"; "free"; "claimed"; "claimable" ]
    @
    match style with
    | Plain -> []
    | Terminal _ -> [ (Table.Left, "# in use  + claimed  . claimable") ]
  in
  Table.render head (List.map node reading.nodes @ [ host ])

let domains = function
  | [] -> "No domain claims memory.\n"
  | domains ->
      let row ({ info; claims } : Reading.domain) =
        [
          string_of_int info.domid;
          Size.rough info.total_pages;
          Size.rough info.max_pages;
          Reading.state info;
          Claim_set.to_string claims;
        ]
      in
      let head =
        List.map (fun name -> (Table.Right, name)) [ "domid"; "memory"; "max" ]
        @ List.map (fun name -> (Table.Left, name)) [ "state"; "claims" ]
      in
      Table.render head (List.map row domains)

let domain ({ info; claims } : Reading.domain) =
  Printf.sprintf "domain %d: %s\nmemory: %s, at most %s\nclaims: %s\n" info.domid
    (Reading.state info) (Size.rough info.total_pages) (Size.rough info.max_pages)
    (Claim_set.to_string claims)
