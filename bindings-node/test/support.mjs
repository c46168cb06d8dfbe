// What several tests share.

/** Gives a resource that is disposed of when the test ends. */
export function disposed(t, resource) {
  t.after(() => resource[Symbol.asyncDispose]())
  return resource
}
