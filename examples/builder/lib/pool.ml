let map ~workers f items =
  let items = Array.of_list items in
  let count = Array.length items in
  let results = Array.make count None in
  let next = Atomic.make 0 in
  (* Each worker writes only to the places it took; [join] makes them visible here. *)
  let rec work () =
    let i = Atomic.fetch_and_add next 1 in
    if i < count then (
      let result = try Ok (f items.(i)) with e -> Error (e, Printexc.get_raw_backtrace ()) in
      results.(i) <- Some result;
      work ())
  in
  let helpers = List.init (max 0 (min workers count - 1)) (fun _ -> Domain.spawn work) in
  work ();
  List.iter Domain.join helpers;
  let result = function
    | Some (Ok value) -> value
    | Some (Error (e, trace)) -> Printexc.raise_with_backtrace e trace
    | None -> assert false (* Every place was taken, and all workers are done. *)
  in
  List.map result (Array.to_list results)
