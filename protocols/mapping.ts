export interface Mapping {
  readonly version: 1
}
