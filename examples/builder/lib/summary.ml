open Xenctrl_claims

type t = {
  built : int;
  on_one_node : int;
  as_planned : int;
  strayed : int;
  refused : int;
  late_refused : int;
  failed : int;
  wasted_pages : int64;
  stray_pages : int64;
  used_pages : int64;
  retries : int;
  seconds : float;
}

let sum f items = List.fold_left (fun total item -> Int64.add total (f item)) 0L items

let stray ({ build; memory; _ } : Storm.vm) =
  let planned target =
    let of_it (c : Xenctrl.claim) = if c.target = target then c.pages else 0L in
    sum of_it (Array.to_list build.planned)
  in
  let beyond (node, pages) = Int64.max 0L (Int64.sub pages (planned (Int32.of_int node))) in
  (* Taken over from an earlier builder, which knew the plan. *)
  if build.planned = [||] then 0L else Int64.max 0L (Int64.sub (sum beyond memory) (planned (-1l)))

let of_storm (storm : Storm.t) =
  let add t (vm : Storm.vm) =
    let t = { t with retries = t.retries + vm.build.retries } in
    match vm.build.outcome with
    | Refused { touched = 0L; _ } -> { t with refused = t.refused + 1 }
    | Refused _ -> { t with late_refused = t.late_refused + 1 }
    | Failed { populated; _ } ->
        { t with failed = t.failed + 1; wasted_pages = Int64.add t.wasted_pages populated }
    | Built _ ->
        let stray = stray vm in
        let one = List.length vm.memory = 1 in
        {
          t with
          built = t.built + 1;
          on_one_node = (t.on_one_node + if stray = 0L && one then 1 else 0);
          as_planned = (t.as_planned + if stray = 0L && not one then 1 else 0);
          strayed = (t.strayed + if stray > 0L then 1 else 0);
          stray_pages = Int64.add t.stray_pages stray;
          used_pages = Int64.add t.used_pages vm.build.vm.pages;
        }
  in
  let none =
    {
      built = 0;
      on_one_node = 0;
      as_planned = 0;
      strayed = 0;
      refused = 0;
      late_refused = 0;
      failed = 0;
      wasted_pages = 0L;
      stray_pages = 0L;
      used_pages = 0L;
      retries = 0;
      seconds = storm.seconds;
    }
  in
  List.fold_left add none storm.vms

let broken_promises (storm : Storm.t) =
  let of_vm (vm : Storm.vm) =
    let name = vm.build.vm.name in
    match vm.build.outcome with
    | Built _ when stray vm > 0L ->
        [ Printf.sprintf "%s has %Ld pages where it did not claim them" name (stray vm) ]
    | Failed { reason; populated } ->
        [ Printf.sprintf "%s failed after it had %Ld pages: %s" name populated reason ]
    | Refused { touched; _ } when touched > 0L ->
        [ Printf.sprintf "%s was refused when it had %Ld pages" name touched ]
    | Built _ | Refused _ -> []
  in
  List.concat_map of_vm storm.vms
  @
  if storm.outstanding_pages = 0L then []
  else [ Printf.sprintf "%Ld pages are still claimed" storm.outstanding_pages ]
