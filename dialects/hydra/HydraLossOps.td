// Primitive tier: the cross-entropy and the optimizer.
#ifndef HYDRA_LOSS_OPS_TD
#define HYDRA_LOSS_OPS_TD

include "dialects/hydra/HydraAttributes.td"

def Hydra_CrossEntropyOp : Hydra_PrimitiveOp<"cross_entropy"> {
  let summary = "Mean negative log-likelihood over valid targets (model.md 10)";
  let description = [{
    logits [..., V], targets i32 [...]; a target of -100 is ignored, others are clamped to 0 .. V-1.
    Results: loss [] (0 if no target is valid), token loss of the targets' shape (0 where ignored; no gradient
    flows through it), lse of the targets' shape.
    Constraints: C1 the targets have the logits' leading shape; C2 V > 0.
  }];
  let arguments = (ins Hydra_FloatTensor:$logits, Hydra_IntTensor:$targets);
  let results = (outs Hydra_FloatTensor:$loss, Hydra_FloatTensor:$token_loss,
                      Hydra_FloatTensor:$lse);
}

def Hydra_CrossEntropyGradOp : Hydra_PrimitiveOp<"cross_entropy_grad", [NotDifferentiable]> {
  let summary = "dlogits = scale * (softmax(logits) - onehot(target)), zero where the target is ignored";
  let description = [{
    `scale` is the gradient of the loss divided by the number of valid targets (at least 1), which need not be
    those of this op: rows can be cut.
    Constraints: C1 as cross_entropy C1; C2 lse has the targets' shape; C3 scale is a scalar.
  }];
  let arguments = (ins Hydra_FloatTensor:$scale, Hydra_FloatTensor:$logits, Hydra_IntTensor:$targets,
                       Hydra_FloatTensor:$lse);
  let results = (outs Hydra_FloatTensor:$result);
}

def Hydra_GlobalNormOp : Hydra_PrimitiveOp<"global_norm", [NotDifferentiable]> {
  let summary = "Euclidean norm of all operands together, partial sums in a fixed order";
  let description = [{ Constraints: C1 at least one operand; C2 operands have one element type. }];
  let arguments = (ins Variadic<Hydra_FloatTensor>:$inputs);
  let results = (outs Hydra_FloatTensor:$result);
}

def Hydra_AdamWOp : Hydra_PrimitiveOp<"adamw", [NotDifferentiable]> {
  let summary = "One AdamW step of one parameter, which also clears its gradient (model.md 13)";
  let description = [{
    With g = gradient * clip_scale, t = steps[index], and present[index] not zero:

        m' = beta1 m + (1 - beta1) g;  v' = beta2 v + (1 - beta2) g^2
        p' = p (1 - lr lr_factor weight_decay decay_factor)
             - lr lr_factor / (1 - beta1^t) * m' / (sqrt(v' / (1 - beta2^t)) + eps)

    If present[index] is zero, p, m and v are unchanged. `cleared` is zero in either case; it takes the place of
    the gradient buffer. `steps` already counts this step.
    Constraints: C1 parameter, gradient, m and v have one type; C2 steps and present are i32 [N], 0 <= index < N.
  }];
  let arguments = (ins Hydra_FloatTensor:$parameter, Hydra_FloatTensor:$gradient,
                       Hydra_FloatTensor:$m, Hydra_FloatTensor:$v, Hydra_IntTensor:$steps,
                       Hydra_IntTensor:$present, Hydra_ScalarFloat:$clip_scale,
                       Hydra_ScalarFloat:$lr, Hydra_ScalarFloat:$weight_decay,
                       I64Attr:$index, F64Attr:$lr_factor, F64Attr:$decay_factor, F64Attr:$beta1,
                       F64Attr:$beta2, F64Attr:$eps);
  let results = (outs Hydra_FloatTensor:$new_parameter, Hydra_FloatTensor:$new_m,
                      Hydra_FloatTensor:$new_v, Hydra_FloatTensor:$cleared);
}

#endif // HYDRA_LOSS_OPS_TD
