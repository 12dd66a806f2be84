open Xenctrl_claims

(* In two halves, so that no sum here wraps. *)
let fits_in_63_bits pages =
  let low p = Int64.to_int (Int64.logand p 0xFFFF_FFFFL) in
  let high p = Int64.to_int (Int64.shift_right_logical p 32) in
  let total half = List.fold_left (fun sum p -> sum + half p) 0 pages in
  total high + (total low lsr 32) < 1 lsl 31

let is_target target = List.mem target (List.init 65 (fun i -> Int32.of_int (i - 1)))

let rec has_duplicate = function
  | [] -> false
  | target :: rest -> List.mem target rest || has_duplicate rest

let well_formed claims =
  let pages = List.map (fun c -> c.Xenctrl.pages) claims in
  let targets = List.map (fun c -> c.Xenctrl.target) claims in
  List.for_all is_target targets
  && List.for_all (fun p -> p >= 0L) pages
  && (not (has_duplicate targets))
  && fits_in_63_bits pages

let valid claims = claims <> [] && List.length claims <= 65 && well_formed claims

let first_bad claims =
  let prefix n = List.filteri (fun i _ -> i <= n) claims in
  List.find_opt (fun n -> not (well_formed (prefix n))) (List.init (List.length claims) Fun.id)

let ( + ) = Int64.add
let ( - ) = Int64.sub

let pages_of claims target =
  let of_target c = if c.Xenctrl.target = target then c.Xenctrl.pages else 0L in
  Values.sum (List.map of_target (Array.to_list claims))

let total claims = Values.sum (List.map (fun c -> c.Xenctrl.pages) (Array.to_list claims))

let refusal (s : Values.snapshot) domid claims : Unix.error option =
  let mine = List.assoc domid s.claims in
  let domain = List.find (fun d -> d.Xenctrl.domid = domid) s.domains in
  let of_entry (c : Xenctrl.claim) : Unix.error option =
    let is_it m = Int32.of_int m.Xenctrl.node = c.target in
    if c.target = -1l then None
    else
      match List.find_opt is_it s.nodes with
      | None -> Some ENOENT
      | Some m when c.pages > m.free - m.claimed + pages_of mine c.target -> Some ENOMEM
      | Some _ -> None
  in
  let wanted = total claims in
  match List.find_map of_entry (Array.to_list claims) with
  | Some error -> Some error
  | None when wanted = 0L -> None
  | None when wanted > domain.max_pages - domain.total_pages -> Some EINVAL
  | None when wanted > s.memory.free_pages - s.memory.outstanding_pages + total mine -> Some ENOMEM
  | None -> None

let invariants (s : Values.snapshot) =
  let sum_of f list = Values.sum (List.map f list) in
  let on node = sum_of (fun (_, claims) -> pages_of claims (Int32.of_int node)) s.claims in
  let claimed (d : Xenctrl.domain_info) = d.claimed_pages in
  let node_holds (m : Xenctrl.node_memory) =
    m.claimed = on m.node && m.claimed <= m.free && m.free <= m.size
  in
  let domain_holds (d : Xenctrl.domain_info) =
    d.claimed_pages = total (List.assoc d.domid s.claims)
  in
  let within_maximum (d : Xenctrl.domain_info) = d.total_pages + d.claimed_pages <= d.max_pages in
  let used = sum_of (fun (m : Xenctrl.node_memory) -> m.size - m.free) s.nodes in
  let rules =
    [
      ("I1: C is the sum of all claims", s.memory.outstanding_pages = sum_of claimed s.domains);
      ("I1: C <= F", s.memory.outstanding_pages <= s.memory.free_pages);
      ("I2: C[n] is the sum of claims on n, and <= F[n]", List.for_all node_holds s.nodes);
      ("I3: has + claims <= max", List.for_all within_maximum s.domains);
      ("a domain claims what GET says", List.for_all domain_holds s.domains);
      ("F is the sum of F[n]", s.memory.free_pages = sum_of (fun m -> m.Xenctrl.free) s.nodes);
      ("what is not free, domains have", used = sum_of (fun d -> d.Xenctrl.total_pages) s.domains);
    ]
  in
  List.filter_map (fun (rule, holds) -> if holds then None else Some rule) rules
