(* Pages in each unit, the largest first. *)
let units = [ ('T', 268_435_456L); ('G', 262_144L); ('M', 256L); ('p', 1L) ]
let hint = "give a number and a unit (p for pages, K, M, G or T), as in 512M or 262144p"

let of_string text =
  let error fmt =
    Printf.ksprintf (fun reason -> Error (Printf.sprintf "'%s' %s" text reason)) fmt
  in
  let last = String.length text - 1 in
  let digits = if last < 1 then "" else String.sub text 0 last in
  let is_number =
    digits <> "" && String.for_all (function '0' .. '9' -> true | _ -> false) digits
  in
  let times pages number =
    if Int64.compare number (Int64.div Int64.max_int pages) > 0 then
      error "is more than can be counted"
    else Ok (Int64.mul number pages)
  in
  match (is_number, if last < 0 then ' ' else text.[last]) with
  | false, '0' when last = 0 -> Ok 0L
  | false, _ -> error "is no size: %s" hint
  | true, unit -> (
      match (Int64.of_string_opt digits, unit) with
      | None, _ -> error "is more than can be counted"
      | Some kib, 'K' ->
          if Int64.rem kib 4L = 0L then Ok (Int64.div kib 4L)
          else error "is no whole number of pages of 4K"
      | Some number, unit -> (
          match List.assoc_opt unit units with
          | Some pages -> times pages number
          | None -> error "is no size: %s" hint))

let whole pages (_, unit) = Int64.rem pages unit = 0L
let write pages (name, unit) = Printf.sprintf "%Ld%c" (Int64.div pages unit) name

let to_string pages =
  if pages = 0L then "0"
  else write pages (Option.value (List.find_opt (whole pages) units) ~default:('p', 1L))

let rough pages =
  let mib = List.assoc 'M' units in
  let over = Int64.rem pages mib in
  if Int64.compare pages mib < 0 then to_string pages else to_string (Int64.sub pages over)

let both pages =
  let rough = rough pages and exact = to_string pages in
  if rough = exact then exact else Printf.sprintf "%s (%s)" rough exact
