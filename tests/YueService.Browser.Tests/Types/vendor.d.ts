// The parts of the shipped packages that the studio uses.
declare module 'preact' {
  export function h(type: any, props: any, ...children: any[]): any;
  export function render(vnode: any, parent: Element): void;
}

declare module 'preact/hooks' {
  export function useEffect(effect: () => void | (() => void), inputs?: unknown[]): void;
  export function useLayoutEffect(effect: () => void | (() => void), inputs?: unknown[]): void;
  export function useRef<T>(value: T): { current: T };
}

declare module '@preact/signals' {
  export interface ReadonlySignal<T> {
    readonly value: T;
    peek(): T;
  }
  export interface Signal<T> extends ReadonlySignal<T> {
    value: T;
  }
  export function signal<T>(value: T): Signal<T>;
  export function useSignal<T>(value: T): Signal<T>;
  export function computed<T>(compute: () => T): ReadonlySignal<T>;
  export function effect(run: () => void | (() => void)): () => void;
  export function batch<T>(run: () => T): T;
}

declare module 'htm' {
  const htm: { bind(h: (...args: any[]) => any): (strings: TemplateStringsArray, ...values: any[]) => any };
  export default htm;
}

// The library that draws scores. It is a global variable in the frame.
declare const ABCJS: {
  renderAbc(output: HTMLElement, abc: string, options: { staffwidth: number; responsive: 'resize'; selectTypes: false;
    ariaLabel: string }): { warnings?: string[]; lines: { staff?: unknown[] }[] }[];
  synth: { getMidiFile(abc: string, options: { midiOutputType: 'binary' }): Uint8Array[] };
};
