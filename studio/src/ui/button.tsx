import type { ButtonHTMLAttributes, ComponentChildren } from "preact";

type Kind = "primary" | "plain" | "quiet" | "danger";

export interface ButtonProps extends Omit<ButtonHTMLAttributes<HTMLButtonElement>, "class" | "type"> {
  kind?: Kind;
  busy?: boolean;
  submit?: boolean;
  children: ComponentChildren;
}

/** A button; a busy one stays focusable, and says that it is. */
export function Button({ kind = "plain", busy = false, submit = false, children, ...rest }: ButtonProps) {
  return (
    <button
      type={submit ? "submit" : "button"}
      class={`button ${kind}`}
      aria-disabled={busy || undefined}
      {...rest}
    >
      {children}
    </button>
  );
}
