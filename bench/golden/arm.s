# rustc 1.95.0 (59807616e 2026-04-14), LLVM 22.1.2, x86_64-unknown-linux-gnu
arm:
	pushq	%r14
	pushq	%rbx
	pushq	%rax
	movq	%rdi, %rbx
	movl	$0, 24(%rdi)
	movq	360(%rdi), %rsi
	callq	*store_published@GOTPCREL(%rip)
	lock		orl	$0, -64(%rsp)
	movq	328(%rbx), %rax
	movzbl	356(%rbx), %ecx
	cmpb	$1, %cl
	jne	.LBB2
	movq	(%rax), %rdi
	movq	496(%rbx), %rdx
	movb	$1, %al
	cmpq	%rdx, %rdi
	je	.LBB6
.LBB4:
	cmpq	$7, 424(%rbx)
	jne	.LBB25
	movzbl	%cl, %ecx
	negq	%rcx
	movl	$4294967295, %esi
	orq	%rcx, %rsi
	andq	360(%rbx), %rsi
	movq	$5, 424(%rbx)
	movq	%rdi, 432(%rbx)
	movq	%rdx, 440(%rbx)
	movq	%rsi, 448(%rbx)
.LBB25:
	addq	$8, %rsp
	popq	%rbx
	popq	%r14
	retq
.LBB2:
	movl	(%rax), %edi
	movq	496(%rbx), %rdx
	movb	$1, %al
	cmpq	%rdx, %rdi
	jne	.LBB4
.LBB6:
	cmpq	$7, 424(%rbx)
	jne	.LBB25
	movq	360(%rbx), %rsi
	cmpq	$0, 368(%rbx)
	je	.LBB11
	movl	352(%rbx), %edi
	addq	$-8, %rdi
.LBB9:
	movq	344(%rbx), %rax
	andq	%rsi, %rdi
	movl	(%rax,%rdi), %ecx
	#MEMBARRIER
	testl	%ecx, %ecx
	js	.LBB10
	movl	%ecx, %eax
	andl	$1073741823, %eax
	addl	$15, %eax
	andl	$-8, %eax
	movb	$1, %dl
	cmpq	%rax, 368(%rbx)
	jb	.LBB24
	shlq	$32, %rcx
	orq	$2, %rcx
	xorl	%edx, %edx
	movq	%rcx, %rax
	jmp	.LBB24
.LBB11:
	movl	$4294967295, %r9d
	movq	336(%rbx), %rax
	testb	%cl, %cl
	je	.LBB13
	movq	(%rax), %rax
	movq	$-1, %r8
	#MEMBARRIER
	movb	$1, %dl
	testb	$7, %al
	jne	.LBB24
	jmp	.LBB15
.LBB10:
	movl	$1, %eax
	xorl	%edx, %edx
	jmp	.LBB24
.LBB13:
	movl	(%rax), %eax
	movl	$4294967295, %r8d
	#MEMBARRIER
	movb	$1, %dl
	testb	$7, %al
	jne	.LBB24
.LBB15:
	movzbl	%cl, %r10d
	negq	%r10
	movq	%rsi, %r11
	subq	%rdi, %r11
	orq	%r9, %r10
	andq	%r11, %r10
	movq	%rax, %r9
	subq	%rsi, %r9
	andq	%r8, %r9
	movl	352(%rbx), %edi
	addq	$-8, %rdi
	xorl	%r11d, %r11d
	movq	%rdi, %r14
	subq	%r10, %r14
	cmovaeq	%r14, %r11
	cmpq	%r11, %r9
	jbe	.LBB20
	subq	%r10, %rsi
	andq	%rsi, %r8
	movq	328(%rbx), %rsi
	testb	%cl, %cl
	je	.LBB18
	movq	(%rsi), %rcx
	jmp	.LBB19
.LBB20:
	movq	%r9, 368(%rbx)
	testq	%r9, %r9
	jne	.LBB9
	xorl	%eax, %eax
	xorl	%edx, %edx
	jmp	.LBB24
.LBB18:
	movl	(%rsi), %ecx
.LBB19:
	cmpq	%r8, %rcx
	cmovneq	%rcx, %rax
.LBB24:
	cmpl	$2, %eax
	sete	%al
	orb	%dl, %al
	addq	$8, %rsp
	popq	%rbx
	popq	%r14
	retq
