(** Many storms of guests that stay paused, in a Dom0, for [./dev bench --placement --xl]. *)

open Xenctrl_claims

val play :
  Xenctrl.handle ->
  free_mib:int list ->
  Scenario.t ->
  timed:bool ->
  print:(Yojson.Safe.t -> unit) ->
  unit
(** [play xc ~free_mib scenario ~timed ~print] plays [scenario] with each set of tools, on nodes of
    which each has [free_mib] free before those that run already come: the rest, a domain takes.
    [print] gets, for each set, an object: [about] of the scenario, [storm] (see
    {!Report.storm_json}), [samples] (objects of a [time] and of [nodes], of each its size, free and
    claimed pages). If [timed], also [steps], of each VM the times, in seconds since the start of
    the storm, at which [xl create] came to a step of {!steps}. Xen has time to scrub what was
    freed, before those leave that leave at 0.

    @raise Failure if a node has less free than that. *)

val steps : (string * string) list
(** What [xl -vvv create] says on its way, and a name for what it does then, in this order. *)
