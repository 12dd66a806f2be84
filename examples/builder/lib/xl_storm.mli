(** A scenario's VMs as guests that [xl] starts, in a Dom0: PV and PVH in turn, or PV if they are to
    stay paused. *)

open Xenctrl_claims

val seconds_alone : Xenctrl.handle -> Xl.tools list -> float list
(** [seconds_alone xc sets] is how long one [xl create] of each of these takes that has the host to
    itself, in seconds: the median of 7, taken in turn. *)

type heard = Scenario.vm -> time:float -> string -> unit
(** Called with what the [xl create] of a VM says, each line when it is said, in seconds since the
    start of the storm; from several OCaml domains at once, for each VM from one. *)

val play :
  Xenctrl.handle ->
  Xl.tools ->
  claims:bool ->
  ?paused:bool ->
  ?heard:heard ->
  seed:int ->
  progress:(Storm.progress -> unit) ->
  Scenario.t ->
  Storm.t
(** [play xc tools ~claims ~seed ~progress scenario] starts the VMs of [scenario], each by an
    [xl create] of [tools], [scenario.builders] of these at once, when those that leave at 0 have
    left; waits until those that were built are up, for 5 minutes at most; looks where libxl placed
    them, which counts as planned, and where their memory is; and ends them. [claims] is whether
    these tools claim on nodes. When VMs arrive or prefer nodes is not looked at. [paused]: they do
    not run, and nobody waits for them. With [heard], each [xl create] tells all that it does. *)
