"""AS-GCN (Li et al., CVPR 2019): structural links, joints a few hops apart, and actional links that are inferred.

Shapes: clips (N, C, T, V, M), B = N·M bodies, E = V (V − 1) ordered pairs of joints, S frames that links are inferred
from, h = 128 features. Formulas and numbers of parameters are those of the published code (limaosen0/AS-GCN,
net/as_gcn.py and net/utils/adj_learn.py): what classifies, 4,797,267 for 60 classes, and the inference module, 417,798.
What differs:

- The head that predicts ten more frames, and its loss (weight 0.01), are left out. So is a second call of the second
  layer on the same features, which changes no score but moves its BatchNorm once more in training.
- Links are inferred from S = 50 frames, or all if there are fewer, evenly taken from the clip as the network gets it;
  published are frames at random offsets of the clip without its padding and its last ten frames.
- In evaluation a pair of joints has its likeliest type of link; the published code draws one in tests, too.
- One optimizer trains both parts; published is Adam with a rate of 5e-4 for the inference module. Its loss is scaled
  here, 1e-3 / 147 times the published one for 49 predicted frames, so that the rates of SGD suit it, too.
"""

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from stgdn.errors import InputError
from stgdn.model.block import drop_features
from stgdn.model.convolution import FrameConvolution
from stgdn.model.graph import normalise_columns, spatial_subsets
from stgdn.model.norm import BatchNorm
from stgdn.skeleton import layout as joint_layout

LAYERS = ((64, 1), (64, 1), (64, 1), (128, 2), (128, 1), (128, 1), (256, 2), (256, 1), (256, 1))  # channels, stride
PRIOR = (0.95, 0.025, 0.025)  # of the types of a link; the first is none
VARIANCE = 5e-4  # of a predicted coordinate
SHARE = 0.1  # factor of the inferred links


class MLP(nn.Module):
    """Compute BatchNorm(ELU(linear(ELU(linear(x))))) with dropout between the two, x (B, rows, features)."""

    def __init__(self, features: int, hidden: int) -> None:
        super().__init__()
        self.first, self.second, self.norm = nn.Linear(features, hidden), nn.Linear(hidden, hidden), BatchNorm(hidden)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, rows, h) features of x."""
        x = F.dropout(F.elu(self.first(x)), 0.5, self.training)
        return self.norm(F.elu(self.second(x)).flatten(0, 1)).unflatten(0, x.shape[:2])


class Inference(nn.Module):
    """Infer the types of links between joints, from which the next frames of a body can be predicted."""

    def __init__(self, num_joints: int, in_channels: int, frames: int, hidden: int = 128) -> None:
        super().__init__()
        self.sources, self.targets = (
            nn.Buffer(joints.clone(), persistent=False) for joints in (1 - torch.eye(num_joints)).nonzero().T
        )
        self.num_joints, types = num_joints, len(PRIOR)
        self.nodes, self.pairs = MLP(frames * in_channels, hidden), MLP(2 * hidden, hidden)
        self.nodes_again, self.pairs_again = MLP(hidden, hidden), MLP(3 * hidden, hidden)
        self.types = nn.Linear(hidden, types)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_normal_(module.weight)
                nn.init.constant_(module.bias, 0.1)
        # The first type is no link and sends no message; its weights are there in the published code, too.
        self.messages = nn.ModuleList(nn.Linear(2 * hidden, hidden) for _ in range(types))
        self.messages_again = nn.ModuleList(nn.Linear(hidden, hidden) for _ in range(types))
        self.gates = nn.Linear(in_channels, 3 * hidden)  # reset, update and new state, of a joint
        self.message_gates = nn.Linear(hidden, 3 * hidden, bias=False)  # the same, of its messages
        hide = [part for _ in range(2) for part in (nn.Linear(hidden, hidden), nn.ReLU(), nn.Dropout())]
        self.head = nn.Sequential(*hide, nn.Linear(hidden, in_channels))

    def ends(self, x: Tensor) -> Tensor:
        """Return features of the two joints of every pair, (B, E, 2h), the target's first, for joints (B, V, h)."""
        return torch.cat([x[:, self.targets], x[:, self.sources]], dim=2)

    def sum_at_targets(self, x: Tensor) -> Tensor:
        """Return the sums (B, V, h) of features (B, E, h) of pairs at their targets."""
        return x.new_zeros(x.shape[0], self.num_joints, x.shape[2]).index_add(1, self.targets, x)

    def logits(self, frames: Tensor) -> Tensor:
        """Return scores (B, E, types) of the types of all links, for bodies (B, V, S, C)."""
        pairs = self.pairs(self.ends(self.nodes(frames.flatten(2))))
        nodes = self.nodes_again(self.sum_at_targets(pairs) / self.num_joints)
        return self.types(self.pairs_again(torch.cat([self.ends(nodes), pairs], dim=2)))

    def draw(self, logits: Tensor) -> Tensor:
        """Return one type for every link, one-hot; drawn in training, with gradients of Gumbel's softmax."""
        if self.training:
            return F.gumbel_softmax(logits, tau=0.5, hard=True)
        return F.one_hot(logits.argmax(dim=2), logits.shape[2]).to(logits.dtype)

    def graphs(self, types: Tensor) -> Tensor:
        """Return the graphs (B, types − 1, V, V), sources by targets, of types (B, E, types); the first is no link."""
        graphs = types.new_zeros(types.shape[0], types.shape[2] - 1, self.num_joints, self.num_joints)
        graphs[:, :, self.sources, self.targets] = types[:, :, 1:].mT
        return graphs

    def links(self, types: Tensor) -> Tensor:
        """Return the graphs (B, types − 1, V, V) of types (B, E, types), with loops; columns add up to SHARE."""
        return SHARE * normalise_columns(self.graphs(types) + torch.eye(self.num_joints, device=types.device))

    def predict(self, frames: Tensor, types: Tensor) -> Tensor:
        """Return every frame but the first, (B, V, S − 1, C), predicted from those before, with types (B, E, types)."""
        hidden = frames.new_zeros(*frames.shape[:2], self.message_gates.in_features)
        graphs, predicted = self.graphs(types).mT, []
        for x in frames[:, :, :-1].unbind(dim=2):
            messages = [self._messages(hidden, graphs[:, kind - 1], kind) for kind in range(1, types.shape[2])]
            received = torch.stack(messages).mean(dim=0) / frames.shape[3]
            own, others = self.gates(x).chunk(3, dim=2), self.message_gates(received).chunk(3, dim=2)
            reset, update = (torch.sigmoid(a + b) for a, b in zip(own[:2], others[:2], strict=True))
            hidden = (1 - update) * torch.tanh(own[2] + reset * others[2]) + update * hidden
            predicted.append(x + self.head(hidden))
        return torch.stack(predicted, dim=2)

    def _messages(self, hidden: Tensor, graph: Tensor, kind: int) -> Tensor:
        """Return the sums (B, V, h) of the messages of states (B, V, h) along a graph (B, V, V), targets by sources.

        This is nearly all of the work. Messages (B, V, V, h) are of all pairs of joints, as the graph's gradient needs
        those of pairs without a link, too.
        """
        layer: Any = self.messages[kind]
        target, source = layer.weight.chunk(2, dim=1)
        paired = (F.linear(hidden, target, layer.bias)[:, :, None] + F.linear(hidden, source)[:, None]).tanh_()
        if self.training:
            paired = drop_features(paired, 0.5)
        message = self.messages_again[kind](paired).tanh_()
        return (graph[:, :, None] @ message).squeeze(dim=2)

    def loss(self, frames: Tensor) -> Tensor:
        """Return frames' negative log-likelihood plus the types' divergence from PRIOR, scaled to a mean square."""
        logits, target = self.logits(frames), frames[:, :, 1:]
        square = (self.predict(frames, self.draw(logits)) - target).square().mean()
        divergence = (logits.softmax(dim=2) * (logits.log_softmax(dim=2) - logits.new_tensor(PRIOR).log())).sum()
        return square + 2 * VARIANCE * divergence / target.numel()


class Layer(nn.Module):
    """Compute ST-GCN's layer on structural and inferred links: Σ_k (θ_k x) A_k, and a convolution of nine frames."""

    def __init__(self, C_in: int, C_out: int, stride: int, graphs: int, dropout: float, *, first: bool) -> None:
        super().__init__()
        self.theta = nn.Conv2d(C_in, graphs * C_out, 1)
        self.temporal = FrameConvolution(C_out, C_out, 9, stride)
        self.spatial_norm, self.temporal_norm = BatchNorm(C_out), BatchNorm(C_out)
        self.dropout, self.first, self.residual = dropout, first, nn.Identity()
        if not first and (C_in, 1) != (C_out, stride):
            self.residual = nn.Sequential(FrameConvolution(C_in, C_out, stride=stride), BatchNorm(C_out))

    def forward(self, x: Tensor, graphs: Tensor) -> Tensor:
        """Return features (B, C_out, T/stride, V) of x (B, C, T, V), with graphs (B, K, V, V)."""
        parts = rearrange(self.theta(x), "b (k c) t v -> b (c t) (k v)", k=graphs.shape[1])
        y = (parts @ graphs.flatten(1, 2)).unflatten(1, (-1, x.shape[2]))  # one product sums over the graphs
        y = F.relu(self.spatial_norm(y))
        y = F.dropout(self.temporal_norm(self.temporal(y)), self.dropout, self.training)
        return F.relu(y if self.first else y + self.residual(x))


class ASGCN(nn.Module):
    """Map clips (N, C, T, V, M) to scores (N, classes) by AS-GCN's recognition branch and inference module.

    Args:
        num_classes, layout, in_channels, dropout: as of `Backbone`.
        hops: longest path of a structural link, in bones.
        weight: factor of the inferred links, λ.
        inference_epochs: epochs at the beginning in which only the inference module is trained.
        inference_frames: the most that S may be.
        clip_frames: of a clip, if they are known: S is not more.
        epochs: of the training, if they are known.

    Raises:
        InputError: no epochs are left for the classifier.
    """

    def __init__(
        self,
        num_classes: int,
        layout: str | Mapping[str, Any] = "ntu25",
        in_channels: int = 3,
        hops: int = 4,
        weight: float = 0.5,
        dropout: float = 0.5,
        inference_epochs: int = 10,
        inference_frames: int = 50,
        clip_frames: int | None = None,
        epochs: int | None = None,
    ) -> None:
        super().__init__()
        if epochs is not None and epochs <= inference_epochs:
            raise InputError(
                f"as_gcn trains its inference module alone for {inference_epochs} epochs, and epochs={epochs}: give "
                "more epochs, or model.inference_epochs=0 for random links"
            )
        joints = joint_layout(layout)
        self.structural = nn.Buffer(spatial_subsets(joints, hops), persistent=False)
        self.weight, self.inference_epochs = weight, inference_epochs
        self.inference_frames = min(inference_frames, clip_frames or inference_frames)
        self.input_norm = BatchNorm(joints.num_joints * in_channels)
        self.edge_masks = nn.ParameterList(torch.ones_like(self.structural) for _ in LAYERS)
        widths = [in_channels, *(channels for channels, _ in LAYERS)]
        graphs = len(self.structural) + len(PRIOR) - 1
        self.layers = nn.ModuleList(
            Layer(width, channels, stride, graphs, dropout, first=number == 0)
            for number, (width, (channels, stride)) in enumerate(zip(widths, LAYERS, strict=False))
        )
        self.classifier = nn.Linear(widths[-1], num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear | BatchNorm):
                nn.init.normal_(module.weight, float(isinstance(module, BatchNorm)), 0.02)
                nn.init.zeros_(module.bias)  # pyright: ignore[reportArgumentType]
        self.inference = Inference(joints.num_joints, in_channels, self.inference_frames)

    def frames(self, clips: Tensor) -> Tensor:
        """Return the frames (B, V, S, C) that links are inferred from."""
        S, T = self.inference_frames, clips.shape[2]
        chosen = torch.arange(S, device=clips.device) * T // S
        return rearrange(clips[:, :, chosen], "n c s v m -> (n m) v s c")

    def forward(self, clips: Tensor) -> Tensor:
        """Return class scores (N, classes) of clips (N, C, T, V, M)."""
        V, M = clips.shape[3:]
        with torch.no_grad():  # the inference module is trained by its own loss alone
            types = self.inference.draw(self.inference.logits(self.frames(clips)))
            inferred = self.weight * self.inference.links(types)
        x = self.input_norm(rearrange(clips, "n c t v m -> (n m) (v c) t"))
        x = rearrange(x, "b (v c) t -> b c t v", v=V)
        for layer, mask in zip(self.layers, self.edge_masks, strict=True):
            structural = (self.structural * mask).expand(x.shape[0], -1, -1, -1)
            x = layer(x, torch.cat([structural, inferred.to(structural.dtype)], dim=1))
        return self.classifier(rearrange(x, "(n m) c t v -> n (m t v) c", m=M).mean(dim=1))

    def training_loss(self, clips: Tensor, loss: Tensor, epoch: int) -> Tensor:
        """Return what a step makes smaller: first the inference module's loss, then the classifier's, `loss`."""
        return self.inference.loss(self.frames(clips)) if epoch < self.inference_epochs else loss
