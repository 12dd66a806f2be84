let candidates =
  List.filter (fun (d : Xenctrl.domain_info) ->
      d.claimed_pages <> 0L && d.paused && d.cpu_time = 0L && not d.dying)

let unchanged ~before ~now = List.filter (fun d -> List.mem d before) (candidates now)
